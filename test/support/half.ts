export * from "../../src/lab/kernel-check/half-array.js";
