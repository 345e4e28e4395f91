import { type TuneStore, TuneStoreError } from "./tune-store.js";

/** The object store of the database, and the only key in it. */
const table = "tuned";
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
  const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB;
  if (!factory) {
    throw new TuneStoreError(
      "indexedDbTuneStore: there is no IndexedDB here; in Node use fileTuneStore(path), elsewhere " +
        "tune without a store",
    );
  }
  const read = async (entries: IDBObjectStore): Promise<string | null> => {
    const value: unknown = await settled(entries.get(key));
    return typeof value === "string" ? value : null;
  };
  return {
    load: () => transact(factory, name, "readonly", read),
    update: (change) =>
      transact(factory, name, "readwrite", async (entries) => {
        await settled(entries.put(change(await read(entries)), key));
      }),
  };
}

/** What `body` did is kept when this resolves, and undone when it rejects. */
async function transact<T>(
  factory: IDBFactory,
  name: string,
  mode: IDBTransactionMode,
  body: (entries: IDBObjectStore) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(factory, name).catch((cause: unknown) => {
    throw failure(name, `cannot be opened: ${cause}`, "tune without a store", cause);
  });
  try {
    if (!database.objectStoreNames.contains(table)) {
      const wrong = `is another program's: it has no object store "${table}"`;
      throw failure(name, wrong, "give indexedDbTuneStore another name");
    }
    const transaction = database.transaction(table, mode);
    const [result] = await Promise.all([
      body(transaction.objectStore(table)),
      completed(transaction),
    ]);
    return result;
  } catch (cause) {
    if (cause instanceof TuneStoreError) throw cause;
    throw failure(name, `failed: ${cause}`, "tune without a store", cause);
  } finally {
    database.close();
  }
}

const failure = (name: string, what: string, remedy: string, cause?: unknown): TuneStoreError =>
  new TuneStoreError(`the IndexedDB database "${name}" ${what}; ${remedy}`, { cause });

/** Opens the database as it is, whoever made it; a new one gets the object store. */
async function openDatabase(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  const request = factory.open(name);
  request.onupgradeneeded = () => request.result.createObjectStore(table);
  return settled(request);
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const completed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
