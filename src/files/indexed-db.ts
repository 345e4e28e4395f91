/** A table in the browser's database cannot be used: the message says which, and why. */
export class BrowserTableError extends Error {
  override name = "BrowserTableError";
  /** True where the database of that name is another program's, so that another name would do. */
  readonly foreign: boolean;

  constructor(message: string, options: ErrorOptions & { foreign?: boolean } = {}) {
    super(message, options);
    this.foreign = options.foreign ?? false;
  }
}

/**
 * A table of values by key that outlives the page, kept by the browser (IndexedDB) for all pages and
 * workers of one origin. A database has one table.
 */
export class BrowserTable {
  readonly #factory: IDBFactory;
  readonly #database: string;
  readonly #table: string;

  /**
   * @param database its name, which no other program of the origin should use
   * @param table the name of its object store, made when the database is new
   * @throws BrowserTableError where there is no IndexedDB
   */
  constructor(database: string, table: string) {
    const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB;
    if (!factory) throw new BrowserTableError("there is no IndexedDB here");
    this.#factory = factory;
    this.#database = database;
    this.#table = table;
  }

  /**
   * What `body` did is kept when this resolves, and undone when it rejects. `body` may await nothing
   * but requests to the table (`idbResult`).
   *
   * @throws BrowserTableError where the browser refuses, the database is another program's, or `body`
   *   rejects
   */
  async transact<T>(
    mode: "readonly" | "readwrite",
    body: (entries: IDBObjectStore) => Promise<T>,
  ): Promise<T> {
    const database = await this.#open().catch((cause: unknown) => {
      throw this.#failure(`cannot be opened: ${cause}`, { cause });
    });
    try {
      if (!database.objectStoreNames.contains(this.#table)) {
        const what = `is another program's: it has no object store "${this.#table}"`;
        throw this.#failure(what, { foreign: true });
      }
      const transaction = database.transaction(this.#table, mode);
      const [result] = await Promise.all([
        body(transaction.objectStore(this.#table)).catch((cause: unknown) =>
          undo(transaction, cause),
        ),
        completed(transaction),
      ]);
      return result;
    } catch (cause) {
      if (cause instanceof BrowserTableError) throw cause;
      throw this.#failure(`failed: ${cause}`, { cause });
    } finally {
      database.close();
    }
  }

  /** Opens the database as it is, whoever made it; a new one gets the table. */
  async #open(): Promise<IDBDatabase> {
    const request = this.#factory.open(this.#database);
    request.onupgradeneeded = () => request.result.createObjectStore(this.#table);
    return idbResult(request);
  }

  #failure(what: string, options: ConstructorParameters<typeof BrowserTableError>[1]) {
    return new BrowserTableError(`the IndexedDB database "${this.#database}" ${what}`, options);
  }
}

/** A request's result. */
export const idbResult = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function undo(transaction: IDBTransaction, cause: unknown): never {
  try {
    transaction.abort();
  } catch {
    // A request that failed has aborted it already.
  }
  throw cause;
}

const completed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
