export * from "../../src/lab/kernel-check/cases/shapes.js";
