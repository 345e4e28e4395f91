import { describe, expect, test } from "vitest";
import { shortPercent } from "../../src/lab/records/percent.js";
import { axis, roundTicks, spread, wholeTicks } from "../../src/lab/report/axis.js";
import { drawPlot, type Plot } from "../../src/lab/report/chart.js";

describe("axes", () => {
  test("values lie between the outermost ticks as they lie between the ends", () => {
    const { at } = axis([10, 20, 30], 200, 100);
    expect([at(10), at(15), at(30), at(12.3456)]).toEqual([200, 175, 100, 188.27]);
  });

  test.each([
    [0, 0.93, [0, 0.25, 0.5, 0.75, 1]],
    [0, 7.3, [0, 2, 4, 6, 8]],
    [-3, 41, [-20, 0, 20, 40, 60]],
  ])("ticks from %d to %d are round and enclose them", (low, high, expected) => {
    expect(roundTicks(low, high)).toEqual(expected);
  });

  test.each([
    [0, 18, 8, [0, 5, 10, 15, 18]],
    [1, 20, 8, [1, 5, 10, 15, 20]],
    [0, 386, 4, [0, 100, 200, 300, 386]],
    [3, 3, 8, [3, 4]],
  ])("whole ticks from %d to %d hold both ends", (low, high, most, expected) => {
    expect(wholeTicks(low, high, most)).toEqual(expected);
  });

  test("labels at one place are spread in their order, inside the bounds", () => {
    expect(spread([50, 80, 20], 14, 0, 100)).toEqual([50, 80, 20]);
    expect(spread([98, 99, 97], 14, 0, 100)).toEqual([86, 100, 72]);
    expect(spread([1, 0], 14, 0, 100)).toEqual([14, 0]);
  });
});

const plot: Plot = {
  ...{ width: 420, height: 240, xLabel: "epoch", share: true, xRange: [0, 10] },
  series: [
    {
      name: "before",
      style: "a",
      points: [
        [1, 0.5],
        [4, 1],
      ],
    },
    {
      name: "<one>",
      style: "b",
      points: [
        [4, 1],
        [10, 0.031],
      ],
      dash: "8 4",
      marker: "square",
    },
    {
      ...{
        name: "two",
        style: "c",
        marker: "diamond",
        points: [
          [4, 1],
          [10, 0.02],
        ],
      },
      band: [
        [4, 0.9, 1],
        [10, 0.01, 0.05],
      ],
    },
  ],
  starts: [{ x: 4, label: "tuning" }],
};

describe("a plot", () => {
  const drawn = drawPlot(plot);

  test("tells its lines apart without colour: by dashes, marks and a label at the end of each", () => {
    expect(drawn.match(/<path class="line \w"[^>]*>/g)).toEqual([
      '<path class="line a" d="M76 107L166 14"/>',
      '<path class="line b" stroke-dasharray="8 4" d="M166 14L346 194.23"/>',
      '<path class="line c" d="M166 14L346 196.28"/>',
    ]);
    expect(
      drawn.match(/<(circle|rect|path) [^>]*class="mark \w"/g)?.map((m) => m.slice(1, 5)),
    ).toEqual(["circ", "circ", "rect", "rect", "path", "path"]);
    const labels = [...drawn.matchAll(/class="end (\w)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)</g)];
    expect(labels.map(([, style, , , text]) => `${style} ${text}`)).toEqual([
      "a before 100%",
      "b &#60;one&#62; 3.1%",
      "c two 2.0%",
    ]);
    // The two that end together, 2 pixels apart, are a line apart.
    const [, one, two] = labels.map(([, , , y]) => Number(y));
    expect((two ?? 0) - (one ?? 0)).toBe(14);
  });

  test("draws an interval as an area, there and back", () => {
    expect(drawn).toContain('<path class="band c" d="M166 14L346 190.7L346 198.14L166 32.6Z"/>');
  });

  test("what is above the top is drawn at the edge, and a mark at the right end is labelled before it", () => {
    const points = [
      [0, 1.9],
      [9, 50],
      [20, 1.7],
    ] as const;
    const drawn = drawPlot({
      ...{ width: 420, height: 240, xLabel: "step", top: 2, xRange: [0, 20] },
      series: [{ name: "loss", style: "loss", points, values: points }],
      starts: [{ x: 19, label: "tuning" }],
    });
    expect(drawn).toContain('<path class="values loss" d="M46 23.3L181 14L346 41.9"/>');
    expect(drawn).toMatch(/x="326" y="9" text-anchor="end">tuning</);
  });

  test("an empty one has its axes", () => {
    const empty = drawPlot({ ...plot, series: [], starts: [] });
    expect(empty.match(/class="grid"/g)).toHaveLength(5);
    expect(empty).not.toMatch(/NaN|undefined|Infinity/);
  });
});

test("a share is short: one decimal below 10%, none for nothing", () => {
  expect([0, 0.0004, 0.0312, 0.0996, 0.987].map(shortPercent)).toEqual([
    "0%",
    "0.0%",
    "3.1%",
    "10%",
    "99%",
  ]);
});
