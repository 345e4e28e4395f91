export * from "../../src/kernel-check/host-call.js";
export { runKernel } from "../../src/kernel-check/run-kernel.js";
