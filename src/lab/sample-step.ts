import { backward } from "../autograd/tape.js";
import { syntheticShapes } from "../data/synthetic.js";
import type { Device } from "../device/device.js";
import { resnet18 } from "../models/resnet.js";
import { place } from "../nn/place.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { SGD } from "../optim/sgd.js";
import { BatchInput } from "../training/batch-input.js";
import { checkPrecision, MixedPrecision, type Precision } from "../training/precision.js";

export interface SampleOptions {
  /** Channels of the ResNet-18's first stage. */
  width: number;
  batchSize: number;
  /** Default "f32". "mixed" needs a device with 16-bit floats. */
  precision?: Precision;
}

/** The training step that devices are measured, tuned and explained with. */
export interface SampleStep {
  /**
   * Enqueues one step of a CIFAR ResNet-18 on synthetic images: augment, forward, cross-entropy,
   * backward, SGD. May be captured.
   */
  run(): void;
  release(): void;
}

export function sampleStep(device: Device, options: SampleOptions): SampleStep {
  const { width, batchSize, precision = "f32" } = options;
  checkPrecision(device, precision);
  const { train } = syntheticShapes({ train: batchSize, test: 10, seed: 0 });
  const model = resnet18({ width, classes: train.classes.length });
  const placement = place(model, device, { seed: 0 });
  model.train();
  const optimizer = new SGD(model, { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
  const mixed = precision === "mixed" ? new MixedPrecision(model) : undefined;
  const input = new BatchInput(device, train, batchSize);
  input.write(train, { seed: 0, epoch: 0, step: 0 });
  return {
    run() {
      using _ = device.scope();
      const images = input.images({ pad: 4, flip: true }, mixed ? "f16" : "f32");
      mixed?.refresh();
      const logits = mixed ? mixed.forward(images) : model.forward(images);
      const loss = crossEntropy(logits, input.labels);
      backward(mixed ? mixed.scaler.scale(loss) : loss, { release: true });
      optimizer.step(mixed?.scaler);
    },
    release() {
      mixed?.release();
      optimizer.release();
      input.release();
      placement.release();
    },
  };
}
