import { Cursor } from "./cursor.js";
import { describe, describeAll } from "./describe.js";
import { ELEMENTS, fileBytes } from "./element-types.js";
import { FileFormatError } from "./file-format-error.js";
import { readPickle } from "./pickle.js";
import type { PickleHandlers } from "./pickle-values.js";
import { callKnown, fail, parseStorageId, Storage } from "./pytorch-tensors.js";
import type { ReadBudget } from "./read-budget.js";
import { ZipArchive } from "./zip.js";

/** What was saved, with storages that give their bytes when asked. */
export interface SavedObject {
  readonly root: unknown;
  readonly container: "zip" | "legacy";
  /** Whether the container has checksums; damage in values shows only where it has. */
  readonly checked: boolean;
}

const SAVE_AGAIN = "load it in Python and save model.state_dict() with torch.save";

/** The zip format, PyTorch 1.6 and later: data.pkl, and a file of bytes for each storage. */
export function readZipFormat(file: Uint8Array, budget: ReadBudget): SavedObject {
  const archive = new ZipArchive(file, budget);
  const names = [...archive.names()];
  const pickles = names.filter((name) => name.endsWith("/data.pkl"));
  const folder = pickles[0]?.slice(0, -"data.pkl".length) ?? "";
  const script = (name: string) => name.endsWith("/constants.pkl") || name.includes("/code/");
  if (names.some(script)) {
    fail(`it is a TorchScript program (torch.jit.save), which is code; ${SAVE_AGAIN}`);
  }
  if (pickles.length !== 1) {
    const what = pickles.length === 0 ? "no data.pkl" : `${pickles.length} files data.pkl`;
    fail(`the archive has ${what}, but ${describeAll(names)}; it was not written by torch.save`);
  }
  const order = archive.has(`${folder}byteorder`) ? archive.read(`${folder}byteorder`) : undefined;
  if (order !== undefined && new TextDecoder().decode(order.slice()) !== "little") {
    fail("the values are big-endian; save it again on a little-endian machine");
  }
  const storages = new Storages((storage) => {
    const { key, type, count } = storage;
    const bytes = archive.read(`${folder}data/${key}`);
    const expected = type === null ? bytes.length : fileBytes(type, count);
    if (bytes.length === expected) return bytes;
    return fail(
      `data/${describe(key)} has ${bytes.length} bytes, ${count} values take ${expected}`,
    );
  });
  const pickle = archive.read(`${folder}data.pkl`);
  const { value, end } = readPickle(pickle, 0, storages.handlers(budget), budget);
  if (end !== pickle.length) fail(`data.pkl goes on after its end at byte ${end}; it is damaged`);
  return { root: value, container: "zip", checked: archive.hasChecksums };
}

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Before 1.6: magic number, protocol, system, object, storage keys (a pickle each), storages. */
export function readLegacyFormat(file: Uint8Array, budget: ReadBudget): SavedObject {
  const bytesOf = new Map<string, Uint8Array>();
  const storages = new Storages(
    ({ key }) =>
      bytesOf.get(key) ?? fail(`the values of storage ${describe(key)} are not in the file`),
  );
  const handlers = storages.handlers(budget);
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(file, at, handlers, budget);
    at = end;
    return value;
  };
  checkMagic(file, next);
  const protocol = next();
  if (protocol !== PROTOCOL) fail(`it has version ${describe(protocol)}, known is ${PROTOCOL}`);
  const system = next();
  if (!(system instanceof Map)) fail("it does not say on what system it was saved; it is damaged");
  if (system.get("little_endian") !== true) {
    fail("the values are big-endian; save it again on a little-endian machine");
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) fail("the list of storages is missing; the file is damaged");
  const cursor = new Cursor(file, "PyTorch file: the storages", at);
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined) fail(`no tensor uses the storage ${describe(key)}; it is damaged`);
    if (bytesOf.has(storage.key)) fail(`storage ${describe(key)} is listed twice; it is damaged`);
    bytesOf.set(storage.key, readStorage(cursor, storage));
  }
  if (cursor.at !== file.length) {
    fail(
      `${file.length - cursor.at} bytes follow the last storage; a file of several torch.save ` +
        "calls is not read: save one object a file",
    );
  }
  return { root, container: "legacy", checked: false };
}

function checkMagic(file: Uint8Array, next: () => unknown): void {
  const other = "it is neither in the zip format nor in the older one of torch.save";
  if (file[0] !== 0x80) fail(other);
  let magic: unknown;
  try {
    magic = next();
  } catch (cause) {
    // A pickle of something else, or chance.
    throw new FileFormatError(`PyTorch file: ${other}`, { cause });
  }
  if (magic !== MAGIC) fail(`${other}: it is another pickle, which begins with ${describe(magic)}`);
}

function readStorage(cursor: Cursor, { key, type, typeName, count }: Storage): Uint8Array {
  if (type === null) {
    fail(
      `storage ${describe(key)} is ${describe(typeName)}, of a size that is not known here; known ` +
        `are ${Object.keys(ELEMENTS).join(", ")}: ${SAVE_AGAIN}`,
    );
  }
  const announced = cursor.u64();
  if (announced !== count) {
    fail(`storage ${describe(key)} shall have ${count} values, ${announced} are announced`);
  }
  return cursor.take(fileBytes(type, count));
}

/** The storages that a pickle names, each once. */
class Storages {
  readonly #known = new Map<string, Storage>();
  readonly #load: (storage: Storage) => Uint8Array;

  constructor(load: (storage: Storage) => Uint8Array) {
    this.#load = once(load);
  }

  get(key: string): Storage | undefined {
    return this.#known.get(key);
  }

  handlers(budget: ReadBudget): PickleHandlers {
    return {
      call: (global, args) => callKnown(global, args, budget),
      persistent: (id) => {
        const found = parseStorageId(id, this.#load);
        if (!(found instanceof Storage)) return found;
        const known = this.#known.get(found.key);
        if (known === undefined) {
          this.#known.set(found.key, found);
          return found;
        }
        if (known.typeName === found.typeName && known.count === found.count) return known;
        return fail(`storage ${describe(found.key)} is named with two types or sizes; damaged`);
      },
    };
  }
}

/** Many tensors may share a storage, whose bytes are checked the first time. */
function once(load: (storage: Storage) => Uint8Array): (storage: Storage) => Uint8Array {
  const loaded = new Map<Storage, Uint8Array>();
  return (storage) => {
    const bytes = loaded.get(storage) ?? load(storage);
    loaded.set(storage, bytes);
    return bytes;
  };
}
