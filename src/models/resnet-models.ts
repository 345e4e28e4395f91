import { integer } from "../schema/index.js";
import { defineModel } from "./definition.js";
import { resnet18, resnet34 } from "./resnet.js";

const source = "He et al., Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385";
const options = {
  width: integer({
    min: 1,
    default: 16,
    doc: "channels of its first stage (64: the usual ResNet)",
  }),
};

export const resnet18Model = defineModel({
  name: "resnet18",
  title: "ResNet-18",
  doc: "CIFAR's variant: a 3x3 stem, four stages of two blocks",
  source,
  options,
  make: ({ channels, classes }, { width }) => resnet18({ width, classes, inChannels: channels }),
});

export const resnet34Model = defineModel({
  name: "resnet34",
  title: "ResNet-34",
  doc: "as resnet18 with 3, 4, 6 and 3 blocks",
  source,
  options,
  make: ({ channels, classes }, { width }) => resnet34({ width, classes, inChannels: channels }),
});
