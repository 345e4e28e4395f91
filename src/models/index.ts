export { Classifier } from "./classifier.js";
export { ResNet, type ResNetOptions, resnet18, resnet34 } from "./resnet.js";
