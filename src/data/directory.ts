/** Gives the content of the file called `name`; rejects when there is none. */
export type ReadFile = (name: string) => Promise<Uint8Array>;

/** Reads files of a folder by name. Node only. */
export function directory(path: string): ReadFile {
  return (name) => readHostFile(`${path}/${name}`);
}

/** A file by its path. Not an import, so that a browser's bundle has nothing to resolve. Node only. */
export async function readHostFile(path: string): Promise<Uint8Array> {
  if (typeof process !== "object" || typeof process.getBuiltinModule !== "function") {
    throw new Error(`${path} cannot be read by its path in a browser; Node can`);
  }
  return process.getBuiltinModule("node:fs/promises").readFile(path);
}
