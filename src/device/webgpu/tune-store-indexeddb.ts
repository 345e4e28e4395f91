import { BrowserTable, BrowserTableError, idbResult } from "../../files/indexed-db.js";
import { type TuneStore, TuneStoreError } from "./tune-store.js";

/** The only key in the table. */
const key = "choices";

/**
 * Keeps tuned choices in the browser, for pages and workers of one origin; tabs may tune at the same
 * time. An entry that is broken, or no text, counts as empty.
 *
 * @param name the database's name, for pages that share an origin and not their choices
 * @throws TuneStoreError where there is no IndexedDB; `load` and `update` reject with one where the
 *   browser refuses it, or the database is another program's
 */
export function indexedDbTuneStore(name = "shiftgrad"): TuneStore {
  const table = open(name);
  const read = async (entries: IDBObjectStore): Promise<string | null> => {
    const value: unknown = await idbResult(entries.get(key));
    return typeof value === "string" ? value : null;
  };
  return {
    load: () => table.transact("readonly", read).catch(fail),
    update: (change) =>
      table
        .transact("readwrite", async (entries) => {
          await idbResult(entries.put(change(await read(entries)), key));
        })
        .catch(fail),
  };
}

function open(name: string): BrowserTable {
  try {
    return new BrowserTable(name, "tuned");
  } catch (cause) {
    if (!(cause instanceof BrowserTableError)) throw cause;
    throw new TuneStoreError(
      "indexedDbTuneStore: there is no IndexedDB here; in Node use fileTuneStore(path), elsewhere " +
        "tune without a store",
      { cause },
    );
  }
}

function fail(cause: unknown): never {
  if (!(cause instanceof BrowserTableError)) throw cause;
  const remedy = cause.foreign ? "give indexedDbTuneStore another name" : "tune without a store";
  throw new TuneStoreError(`${cause.message}; ${remedy}`, { cause });
}
