/**
 * shiftgrad in a page or a worker: the whole library but what needs files and processes.
 * @module
 */
export * from "./core.js";
