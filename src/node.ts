/**
 * shiftgrad in Node: the whole library, with files and processes.
 * @module
 */
export * from "./browser.js";
export { directory } from "./data/directory.js";
