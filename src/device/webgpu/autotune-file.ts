import type { TuneStore } from "./autotune.js";

/** Keeps tuned choices in a JSON file (Node). A missing or unreadable file counts as empty. */
export function fileTuneStore(path: string): TuneStore {
  return {
    load: async () => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8").catch(() => null);
      return text !== null && isJson(text) ? text : null;
    },
    save: async (text) => {
      const { mkdir, rename, writeFile } = await import("node:fs/promises");
      const { dirname } = await import("node:path");
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${process.pid}`;
      await writeFile(temporary, text);
      await rename(temporary, path);
    },
  };
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
