import { expect, test } from "vitest";
import { Curve } from "../../examples/browser/curve.js";

/** Noise about a fall, with one high and one deep value. */
const value = (i: number): number =>
  2 + Math.sin(i * 12.9898) * 0.3 + 5 / (1 + i / 50) + (i === 5003 ? 40 : 0) - (i === 777 ? 9 : 0);

test("the ten-thousandth point is drawn with as many as the thousandth, and no extreme is lost", () => {
  const curve = new Curve({ limit: 64, keep: 0.9 });
  const drawn: number[] = [];
  for (let i = 0; i < 10_007; i++) {
    curve.add(i, value(i));
    drawn.push(curve.points.length + curve.means.length);
  }
  expect(curve.count).toBe(10_007);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(3 * 64);
  const points = curve.points;
  expect(points).toContainEqual([5003, value(5003)]);
  expect(points).toContainEqual([777, value(777)]);
  const xs = points.map(([x]) => x);
  expect(xs).toEqual([...xs].sort((a, b) => a - b));
  expect(curve.means.at(-1)?.[0]).toBe(10_006);
});

test("few points are all there, with their running mean beside", () => {
  const curve = new Curve({ limit: 8, keep: 0.5 });
  const given = [
    [1, 4],
    [2, 0],
    [5, 2],
  ] as const;
  for (const [x, y] of given) curve.add(x, y);
  expect(curve.points).toEqual(given);
  // (0.5 * 0 + 0.25 * 4) / 0.75, and (0.5 * 2 + 0.25 * 0 + 0.125 * 4) / 0.875.
  expect(curve.means.map(([, y]) => Number(y.toFixed(9)))).toEqual([4, 1.333333333, 1.714285714]);
  expect(curve.most).toBe(4);
});
