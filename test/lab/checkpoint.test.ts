import { expect, test } from "vitest";
import { writeSafetensors } from "../../src/io/safetensors.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { decodeCheckpoint, decodeState, encodeState } from "../../src/lab/checkpoint.js";
import { FormatError } from "../../src/lab/fields.js";
import type { PausedFit } from "../../src/training/pause.js";

const model: StateDict = new Map([
  ["w", { dtype: "F32", shape: [3], data: Float32Array.of(1.5, -2, 0.25) }],
]);
const state: PausedFit = {
  ...{ epochs: 3, loss: 0.75, model, optimizer: Float32Array.of(0.5, 0.125) },
  lossScale: { scale: 1024, goodSteps: 7, skippedSteps: 1 },
};
const ranOn = { device: { name: "a", features: ["simd"] }, variants: { conv: "tile" } };

test("a paused training survives writing and reading, with all its models", () => {
  expect(decodeState(encodeState(state, ranOn), "x")).toEqual({ state, ranOn });
  const others = [2, 3].map((n) => ({
    model: new Map([["w", { dtype: "F32", shape: [1], data: Float32Array.of(n) }]]) as StateDict,
    optimizer: Float32Array.of(n / 2),
  }));
  const several = { ...state, others };
  expect(decodeState(encodeState(several, ranOn), "x")).toEqual({ state: several, ranOn });
});

const momentum: StateDict = new Map([
  ["optimizer.momentum", { dtype: "F32", shape: [1], data: Float32Array.of(2) }],
]);
const good = { epochs: "2", loss: "0.5" };

test.each<[string, StateDict, Record<string, string>, string]>([
  ["no momentum", model, good, "has no optimizer.momentum in F32: it holds no paused training"],
  ["no loss", momentum, { epochs: "2" }, "loss must be a finite number, not missing"],
  ["a loss of NaN", momentum, { ...good, loss: "NaN" }, 'loss must be a finite number, not "NaN"'],
  ["an empty loss", momentum, { ...good, loss: "" }, 'loss must be a finite number, not ""'],
  ["epochs -3", momentum, { ...good, epochs: "-3" }, "epochs must be an integer of at least 1"],
  [
    "epochs 0",
    momentum,
    { ...good, epochs: "0" },
    "epochs must be an integer of at least 1, not 0",
  ],
  ["epochs 1.5", momentum, { ...good, epochs: "1.5" }, "epochs must be an integer"],
  ["epochs in words", momentum, { ...good, epochs: "two" }, 'of at least 1, not "two"'],
  ["a device that is cut", momentum, { ...good, ranOn: '{"device"' }, "metadata are not JSON"],
  ["a device that is none", momentum, { ...good, ranOn: "[1]" }, "metadata must be an object"],
  ["no device", momentum, { ...good, ranOn: "{}" }, "metadata: device must be an object"],
  ["a broken scale", momentum, { ...good, lossScale: "nul" }, "metadata are not JSON"],
  [
    "no good steps",
    momentum,
    { ...good, lossScale: '{"scale":8}' },
    "goodSteps must be an integer",
  ],
])("a resume state with %s is refused", (_, tensors, metadata, message) => {
  const decoding = () => decodeState(writeSafetensors(tensors, metadata), "run/resume");
  expect(decoding).toThrow(FormatError);
  expect(decoding).toThrow("run/resume");
  expect(decoding).toThrow(message);
});

test("what is no file of tensors is refused with its name", () => {
  for (const decode of [decodeState, decodeCheckpoint]) {
    const decoding = () => decode(Uint8Array.of(1, 2, 3), "run/some file");
    expect(decoding).toThrow(FormatError);
    expect(decoding).toThrow("run/some file: safetensors: the file has 3 bytes");
  }
});
