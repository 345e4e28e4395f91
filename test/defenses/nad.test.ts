import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { attentionDistillation } from "../../src/defenses/index.js";
import { attentionDistance } from "../../src/defenses/nad.js";
import { openDevice } from "../../src/device/open.js";
import { tensor, zeros } from "../../src/tensor/create.js";
import {
  defensesFixture,
  fixtureLoop,
  followsPyTorch,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { values } from "../support/values.js";

const small = {
  ...{ epochs: 2, teacherEpochs: 1, batchSize: 16 },
  augmentation: { pad: 1, flip: true },
};

describeOnDevices("NAD", (device) => {
  it.each(defensesFixture().nad.map((one) => [one.options, one] as const))(
    "takes PyTorch's steps with %o",
    (options, expected) =>
      followsPyTorch(
        device(),
        attentionDistillation,
        { ...fixtureLoop, ...options, epochs: 3, teacherEpochs: 2, weightDecay: 1e-4 },
        expected,
      ),
  );
});

describe("NAD (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("goes on after a pause bit for bit, and says which part it is in", async () => {
    await resumesBitForBit(device(), attentionDistillation, small);
    const told: string[] = [];
    await purified(device(), attentionDistillation, small, {
      onStage: (stage) => void told.push(stage),
      onPart: ({ step, steps }) => void told.push(`${step}/${steps}`),
      onStep: ({ step, steps }) => void told.push(`${step} of ${steps}`),
    });
    // What a paused run does again leaves no steps of its own.
    const student = ["1 of 4", "2 of 4", "3 of 4", "4 of 4"];
    expect(told).toEqual(["the teacher", "1/2", "2/2", "the student", ...student]);
  });

  it("is not NaN where an image excites nothing", async () => {
    using _ = device().scope();
    const x = zeros(device(), [2, 3, 3, 4]).withGrad();
    const other = tensor(device(), values([2, 3, 3, 4], 5), [2, 3, 3, 4]);
    const [g] = gradients(attentionDistance(x, other, 2), [x]);
    expect((await g?.read())?.every((v) => v === 0)).toBe(true);
  });

  it("refuses maps of one position and more stages than there are", async () => {
    const one = zeros(device(), [2, 1, 1, 4]);
    expect(() => attentionDistance(one, one, 2)).toThrow(
      /nad: an attention map needs .*\[2, 1, 1, 4\]/,
    );
    const options = { ...small, stages: 6 };
    await expect(purified(device(), attentionDistillation, options)).rejects.toThrow(
      /nad: the model has 4 stages \(layer1, layer2, layer3, layer4\), not 6; choose fewer/,
    );
  });
});
