import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type TuneStore, TuneStoreError } from "./tune-store.js";

/** A lock this old was left by a process that died: who holds one gives it back in milliseconds. */
const staleMs = 10_000;
const patienceMs = 2 * staleMs;

/**
 * Keeps tuned choices in a JSON file, whose folder is made if need be; processes may update it at
 * the same time. A missing or broken file counts as empty. Node only.
 *
 * Both methods reject with the file system's error where the file cannot be read or written.
 */
export function fileTuneStore(path: string): TuneStore {
  const load = () =>
    readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
  return {
    load,
    update: async (change) => {
      await mkdir(dirname(path), { recursive: true });
      // The new content is written into the lock itself, so that renaming it gives the lock back.
      const lock = `${path}.lock`;
      const file = await takeLock(lock);
      try {
        try {
          await file.writeFile(change(await load()));
        } finally {
          await file.close();
        }
        await rename(lock, path);
      } catch (error) {
        await rm(lock, { force: true });
        throw error;
      }
    },
  };
}

async function takeLock(lock: string) {
  const began = Date.now();
  for (;;) {
    try {
      return await open(lock, "wx");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (Date.now() - began > patienceMs) {
      throw new TuneStoreError(`${lock} stays there; delete it if no shiftgrad is tuning`);
    }
    const taken = await stat(lock).catch(() => null);
    if (taken && Date.now() - taken.mtimeMs > staleMs) await rm(lock, { force: true });
    else await setTimeout(10);
  }
}
