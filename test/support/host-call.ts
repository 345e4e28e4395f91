export * from "../../src/lab/kernel-check/host-call.js";
export { runKernel } from "../../src/lab/kernel-check/run-kernel.js";
