import { checkOptions, type OptionTable } from "../device/options.js";
import { convNorm } from "../nn/folding.js";
import { BatchNorm2d, Conv2d, Linear } from "../nn/layers.js";
import { Module, Sequential } from "../nn/module.js";
import { globalAvgPool } from "../ops/pool2d.js";
import type { Tensor } from "../tensor/tensor.js";
import { Classifier } from "./classifier.js";

export interface ResNetOptions {
  /** Channels of the stem and the first stage; each later stage doubles them. Default 64. */
  width?: number;
  classes?: number;
  /** Colour channels of the images. Default 3. */
  inChannels?: number;
}

const resNetOptions: OptionTable<ResNetOptions> = {
  width: "number",
  classes: "number",
  inChannels: "number",
};

/**
 * The CIFAR variant of ResNet-18 (He et al. 2016): 3x3 stem without pooling, post-activation, 1x1
 * projection shortcuts, head named `linear`. At width 64 with 10 classes it has 11,173,962
 * parameters; its state_dict names are those of the common PyTorch CIFAR code.
 */
export const resnet18 = (options: ResNetOptions = {}): ResNet => new ResNet([2, 2, 2, 2], options);

/** As resnet18 with [3, 4, 6, 3] blocks. */
export const resnet34 = (options: ResNetOptions = {}): ResNet => new ResNet([3, 4, 6, 3], options);

export class ResNet extends Classifier {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly linear: Linear;

  constructor(blocks: readonly [number, number, number, number], options: ResNetOptions = {}) {
    super();
    checkOptions("resnet", options, resNetOptions);
    const { width = 64, classes = 10, inChannels = 3 } = options;
    for (const [name, value] of Object.entries({ width, classes, inChannels })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`resnet: ${name} must be a positive integer, not ${value}`);
      }
    }
    this.conv1 = new Conv2d(inChannels, width, 3, { padding: 1, bias: false, image: true });
    this.bn1 = new BatchNorm2d(width);
    this.layer1 = stage(width, width, blocks[0], 1);
    this.layer2 = stage(width, 2 * width, blocks[1], 2);
    this.layer3 = stage(2 * width, 4 * width, blocks[2], 2);
    this.layer4 = stage(4 * width, 8 * width, blocks[3], 2);
    this.linear = new Linear(8 * width, classes);
  }

  get head(): Linear {
    return this.linear;
  }

  features(x: Tensor): Tensor {
    const stem = convNorm(this.conv1, this.bn1, x, { relu: true });
    const stages = [this.layer1, this.layer2, this.layer3, this.layer4];
    return globalAvgPool(stages.reduce((y, layer) => layer.forward(y), stem));
  }
}

function stage(inChannels: number, channels: number, blocks: number, stride: number): Sequential {
  return new Sequential(
    ...Array.from({ length: blocks }, (_, i) =>
      i === 0
        ? new BasicBlock(inChannels, channels, stride)
        : new BasicBlock(channels, channels, 1),
    ),
  );
}

/** relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)). */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly shortcut: Sequential;
  readonly #projection: readonly [Conv2d, BatchNorm2d] | undefined;

  constructor(inChannels: number, channels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inChannels, channels, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(channels);
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(channels);
    const projects = stride !== 1 || inChannels !== channels;
    if (projects) {
      const conv = new Conv2d(inChannels, channels, 1, { stride, bias: false });
      this.#projection = [conv, new BatchNorm2d(channels)];
    }
    this.shortcut = new Sequential(...(this.#projection ?? []));
  }

  forward(x: Tensor): Tensor {
    const inner = convNorm(this.conv1, this.bn1, x, { relu: true });
    const residual = this.#projection ? convNorm(...this.#projection, x) : x;
    return convNorm(this.conv2, this.bn2, inner, { relu: true, residual });
  }
}
