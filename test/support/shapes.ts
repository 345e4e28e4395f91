export * from "../../src/kernel-check/cases/shapes.js";
