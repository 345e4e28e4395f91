export * from "../../src/kernel-check/half-array.js";
