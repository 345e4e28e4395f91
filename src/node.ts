/**
 * shiftgrad in Node: the whole library, with files and processes.
 * @module
 */
export * from "./core.js";
