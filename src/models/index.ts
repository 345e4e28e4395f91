export { Classifier } from "./classifier.js";
export * from "./resnet.js";
