import { Classifier } from "../../src/models/classifier.js";
import { defineModel } from "../../src/models/definition.js";
import { convNorm } from "../../src/nn/folding.js";
import { BatchNorm2d, Conv2d, Linear } from "../../src/nn/layers.js";
import { globalAvgPool } from "../../src/ops/pool2d.js";
import { integer } from "../../src/schema/index.js";
import type { Tensor } from "../../src/tensor/tensor.js";

class TwoLayers extends Classifier {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;
  readonly head: Linear;

  constructor(inChannels: number, channels: number, classes: number) {
    super();
    this.conv = new Conv2d(inChannels, channels, 3, { padding: 1, bias: false, image: true });
    this.bn = new BatchNorm2d(channels);
    this.head = new Linear(channels, classes);
  }

  features(x: Tensor): Tensor {
    return globalAvgPool(convNorm(this.conv, this.bn, x, { relu: true }));
  }
}

export const twoLayers = defineModel({
  name: "two-layers",
  title: "Two layers",
  doc: "a convolution and a head",
  source: "docs/extending.md",
  options: {
    channels: integer({ min: 1, default: 4, doc: "channels of its convolution" }),
  },
  make: ({ channels: inChannels, classes }, { channels }) =>
    new TwoLayers(inChannels, channels, classes),
});
