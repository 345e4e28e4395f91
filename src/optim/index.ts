export { Adam, type AdamOptions } from "./adam.js";
export * from "./schedules.js";
export { SGD, type SgdOptions } from "./sgd.js";
