import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { duration, Progress, progressHooks } from "../../src/cli/progress.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function stream(isTTY: boolean) {
  const out = new PassThrough();
  Object.assign(out, { isTTY, columns: 90 });
  return { out: out as unknown as WriteStream, text: () => `${out.read() ?? ""}` };
}

test("without a terminal there is a plain line every five seconds", () => {
  const { out, text } = stream(false);
  const progress = new Progress(out);
  progress.stage("training");
  for (let second = 1; second <= 12; second++) {
    vi.advanceTimersByTime(1000);
    progress.update(second, 48, `loss ${second}`);
  }
  expect(text()).toBe(
    "training ...\n" + "training: 10%  loss 5  ETA 0:43\n" + "training: 20%  loss 10  ETA 0:38\n",
  );
});

test("on a terminal a bar is redrawn and taken away for lines that stay", () => {
  const { out, text } = stream(true);
  const progress = new Progress(out);
  progress.stage("training");
  progress.update(0, 2);
  vi.advanceTimersByTime(3000);
  progress.update(1, 2);
  progress.line("epoch 1");
  progress.end();
  expect(text()).toBe(
    `\r\x1b[Ktraining\r\x1b[Ktraining ${"█".repeat(12)}${"░".repeat(12)}  50%  ETA 0:03` +
      "\r\x1b[Kepoch 1\n",
  );
});

test("what goes before the first update, or took too little of the stage, is not estimated by", () => {
  const { out, text } = stream(false);
  const progress = new Progress(out);
  progress.stage("checking");
  vi.advanceTimersByTime(60_000);
  for (const done of [1, 2, 5, 6]) {
    progress.update(done, 200);
    vi.advanceTimersByTime(6000);
  }
  expect(text()).toBe(
    "checking ...\nchecking: 0%\nchecking: 1%\nchecking: 2%  ETA 9:45\n" +
      "checking: 3%  ETA 11:38\n",
  );
});

test("compiling is a stage of its own, and the work's name comes back", () => {
  const { out, text } = stream(false);
  const hooks = progressHooks(new Progress(out));
  hooks.onStage?.("training");
  hooks.onCompile?.(0, 30);
  vi.advanceTimersByTime(6000);
  hooks.onCompile?.(12, 30);
  hooks.onCompile?.(30, 30);
  expect(text()).toBe(
    "training ...\ncompiling kernels ...\n" +
      "compiling kernels: 40%  12/30 kernels  ETA 0:09\ntraining ...\n",
  );
});

test("a step shows epoch, loss and the rate of images", () => {
  const { out, text } = stream(false);
  const hooks = progressHooks(new Progress(out));
  hooks.onStage?.("training");
  vi.advanceTimersByTime(6000);
  const step = {
    epoch: 1,
    epochs: 3,
    step: 6,
    steps: 15,
    images: 768,
    seconds: 6,
    loss: 1.25,
    reports: {},
    lr: 0.1,
  };
  hooks.onStep?.(step);
  expect(text()).toContain("training: 10%  epoch 2/3  loss 1.250  128 images/s\n");
  vi.advanceTimersByTime(6000);
  hooks.onStep?.({ ...step, step: 7, images: 896, seconds: 12 });
  expect(text()).toContain("training: 20%  epoch 2/3  loss 1.250  117 images/s  ETA 0:48\n");
});

test("durations", () => {
  expect([7.4, 750, 3723].map(duration)).toEqual(["0:07", "12:30", "1:02:03"]);
});
