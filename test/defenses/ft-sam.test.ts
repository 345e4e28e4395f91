import { describe, expect, it } from "vitest";
import { sharpnessAwareTuning } from "../../src/defenses/index.js";
import { openDevice } from "../../src/device/open.js";
import {
  defensesFixture,
  fixtureLoop,
  followsPyTorch,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { tinySet } from "../support/tiny.js";

const small = { epochs: 2, batchSize: 16, augmentation: { pad: 1, flip: true } };

describeOnDevices("FT-SAM", (device) => {
  it.each(defensesFixture().ftSam.map((one) => [one.options, one] as const))(
    "takes PyTorch's steps with %o",
    (options, expected) =>
      followsPyTorch(
        device(),
        sharpnessAwareTuning,
        { ...fixtureLoop, ...options, epochs: 3, weightDecay: 5e-4, labelSmoothing: 0.1 },
        expected,
      ),
  );
});

describe("FT-SAM (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("counts each batch once in batch norm's statistics", async () => {
    const { after } = await purified(device(), sharpnessAwareTuning, { ...small, epochs: 1 });
    expect(after.get("bn1.num_batches_tracked")?.data).toEqual(BigInt64Array.of(2n));
  });

  it("goes on after a pause bit for bit", () =>
    resumesBitForBit(device(), sharpnessAwareTuning, small));
});

it("says its cost and refuses a ball without a radius", () => {
  const { options, passes } = sharpnessAwareTuning;
  expect(passes(options.fill({ epochs: 7 }), tinySet(3, 1))).toBe(14);
  expect(() => options.fill({ rho: 0 })).toThrow(/ft-sam: rho must be a number above 0, not 0/);
});
