import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReadFile } from "./cifar10.js";

/** Reads files of a folder by name. Node only. */
export function directory(path: string): ReadFile {
  return (name) => readFile(join(path, name));
}
