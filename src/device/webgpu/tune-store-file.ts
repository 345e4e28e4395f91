import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { isMissing, removeTemporaries, writeAtomically } from "../../files/atomic.js";
import { LockHeldError, takeLock } from "../../files/lock.js";
import { type TuneStore, TuneStoreError } from "./tune-store.js";

/** Who updates the file has read it in milliseconds, unless it sleeps. */
const patience = 30_000;

/**
 * Keeps tuned choices in a JSON file, whose folder is made if need be; processes may update it at
 * the same time. A missing or broken file counts as empty. Node only.
 *
 * Both methods reject with the file system's error where the file cannot be read or written.
 */
export function fileTuneStore(path: string): TuneStore {
  const load = () =>
    readFile(path, "utf8").catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
  return {
    load,
    update: async (change) => {
      const folder = dirname(path);
      await mkdir(folder, { recursive: true });
      const lock = await takeLock(`${path}.lock`, { patience }).catch((cause: unknown) => {
        if (!(cause instanceof LockHeldError)) throw cause;
        throw new TuneStoreError(`${cause.message}; wait for it, or end it`, { cause });
      });
      try {
        await removeTemporaries(folder, [basename(path)]);
        const text = change(await load());
        await lock.check();
        await writeAtomically(path, text);
      } finally {
        await lock.release();
      }
    },
  };
}
