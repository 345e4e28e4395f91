import { expect, test } from "vitest";
import { difference, differenceGain, pictureUrl } from "../../src/lab/examination/pictures.js";
import type { MetricLine } from "../../src/lab/records/metrics-log.js";
import { shellCommand } from "../../src/lab/records/shell-command.js";
import { renderReport } from "../../src/lab/report/report.js";
import { after, before, purifyRecord } from "./samples.js";

const lines: MetricLine[] = [0, 1, 2].flatMap((epoch): MetricLine[] => [
  { type: "step", epoch, step: 2 * epoch + 1, loss: 2.3 - epoch, lr: 0.1, imagesPerSecond: 300 },
  {
    type: "epoch",
    epoch,
    loss: 2 - epoch,
    lr: 0.1,
    cleanAccuracy: 0.3 * epoch,
    attackSuccess: 0.9,
  },
]);
const picture = {
  label: "a <ring>",
  clean: Uint8Array.from([0, 100, 200, 10, 20, 30]),
  triggered: Uint8Array.from([8, 100, 190, 10, 20, 31]),
  ...{ height: 2, width: 1, channels: 3 },
};

const page = renderReport({
  title: "A backdoor & FST",
  lead: ["Attack success fell."],
  verdicts: [
    {
      of: "FST",
      verdict: { tone: "mixed", headline: "Gone <at a price>.", cautions: ["It cost 7 points."] },
    },
  ],
  rows: [
    { name: "Before", examination: before },
    { name: "After", examination: after, defenseEffectiveness: 0.9425, seconds: 3.25 },
  ],
  curves: [{ title: "Tuning", lines, sample: { clean: 31, triggered: 17 } }],
  pictures: [picture],
  record: purifyRecord,
});

test("the page loads nothing from elsewhere and runs no script", () => {
  expect(page).not.toMatch(/https?:|<script|<link|@import|url\((?!data:)/);
  expect([...page.matchAll(/(?:src|href)="([^"]*)"/g)].map((m) => m[1]?.slice(0, 22))).toEqual(
    Array(3).fill("data:image/bmp;base64,"),
  );
});

test("the table has before and after, with changes in points", () => {
  const text = page.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");
  expect(text).toContain(
    "Model C-ACC ASR RA DER Time Before 86.00% 73.8–93.0 97.00% 87.3–99.3 2.00%",
  );
  expect(text).toContain(
    "After 79.00% −7.00 65.9–88.0 1.50% −95.50 0.2–10.4 71.00% 56.5–82.2 0.943 3.3 s",
  );
  // Colour is the verdict's, not a number's.
  expect(page).toContain('<div class="verdict mixed"><p><b>FST</b> Gone &#60;at a price&#62;.</p>');
  expect(text).toContain("It cost 7 points.");
  expect(text).toContain("On a sample of the test images: 31 clean, 17 triggered");
});

test("curves of accuracy, attack success and loss are drawn", () => {
  expect(page.match(/<svg/g)).toHaveLength(2);
  for (const style of ["accuracy", "success", "loss"]) {
    expect(page.match(new RegExp(`class="mark ${style}"`, "g"))).toHaveLength(3);
  }
  // 60% of the way from the axis at y = 210 to the top at y = 14.
  expect(page).toContain('cx="386" cy="92.4"');
  expect(page).toContain("<title>C-ACC, epoch 3: 60.00%</title>");
});

test("command, hashes, device and configuration are there, and text is escaped", () => {
  for (const record of Object.values(purifyRecord.data)) expect(page).toContain(record.sha256);
  expect(page).toContain("shiftgrad purify &#39;my runs/victim&#39; --method fst --out purified");
  expect(page).toContain("cpu: A &#60;processor&#62; &#38; co, 2 thread(s)");
  expect(page).toContain(purifyRecord.lineage?.checkpoint);
  expect(page).toContain("&#34;projectAtStart&#34;: false");
  expect(page).toContain("a &#60;ring&#62;");
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

test("a picture's data URL holds its pixels as a BMP, from the bottom row up", () => {
  const [, data = ""] = pictureUrl(picture.clean, picture).split(",");
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  expect(String.fromCharCode(...bytes.subarray(0, 2))).toBe("BM");
  expect([view.getUint32(2, true), view.getUint32(10, true)]).toEqual([bytes.length, 54]);
  expect([view.getInt32(18, true), view.getInt32(22, true)]).toEqual([1, 2]);
  // Rows take 4 bytes; colours are blue, green, red.
  expect([...bytes.subarray(54)]).toEqual([30, 20, 10, 0, 200, 100, 0, 0]);
});

test("grey pictures are written as colour", () => {
  const [, data = ""] = pictureUrl(Uint8Array.of(7, 9), { height: 1, width: 2, channels: 1 }).split(
    ",",
  );
  expect([...atob(data)].slice(54).map((c) => c.charCodeAt(0))).toEqual([7, 7, 7, 9, 9, 9, 0, 0]);
});

test("differences are scaled about grey so that the largest fits", () => {
  expect(differenceGain(picture)).toBe(8);
  expect([...difference(picture, 8)]).toEqual([192, 128, 48, 128, 128, 136]);
  expect(
    differenceGain({ ...picture, triggered: Uint8Array.from([0, 140, 200, 10, 20, 30]) }),
  ).toBe(3);
  expect(differenceGain({ ...picture, triggered: picture.clean })).toBe(1);
});

test("a command can be pasted into a shell", () => {
  expect(shellCommand(["train", "--out", "it's here", "--data", "synthetic:90,50"])).toBe(
    "shiftgrad train --out 'it'\\''s here' --data synthetic:90,50",
  );
});
