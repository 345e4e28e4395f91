import { decode, ELEMENT_BYTES, type ElementType, elements } from "./element-types.js";
import { FileFormatError } from "./file-format-error.js";
import { Global, type PickleHandlers, readPickle } from "./pickle.js";
import type { NamedTensor, StateDict } from "./state-dict.js";
import { isZip, zipEntries } from "./zip.js";

export interface PyTorchOptions {
  /** Where the state_dict lies in the file: "net", or "ema.model" for a dict within a dict. */
  key?: string;
}

/** Under what names checkpoints keep a model's state_dict, the likeliest first. */
const USUAL_KEYS = ["state_dict", "model_state_dict", "model", "net", "netC"];

const STORAGE_TYPES: Readonly<Record<string, ElementType>> = {
  "torch.FloatStorage": "F32",
  "torch.DoubleStorage": "F64",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

/** Values of one type; `bytes` of an old-format file are known once its end is read. */
interface Storage {
  readonly type: ElementType;
  readonly count: number;
  bytes: Uint8Array;
}

/** A tensor as it was saved: a strided view of a storage. */
class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/**
 * Reads the state_dict of a file that `torch.save` wrote (the zip format, and the one before
 * PyTorch 1.6). Nothing in the file is executed: of all names that a pickle can call, only those
 * that rebuild tensors, parameters and OrderedDicts are known here. The state_dict is the file's
 * dict or lies in it as "state_dict", "model_state_dict", "model", "net" or "netC"; the "module."
 * that DataParallel puts before every name is taken off. Half and bfloat16 come as F32.
 * @throws FileFormatError that names an unknown global, the keys there are, or what is damaged
 */
export function readPyTorch(file: Uint8Array, options: PyTorchOptions = {}): StateDict {
  const root = isZip(file) ? readZipFormat(file) : readOldFormat(file);
  const found = options.key === undefined ? search(root) : lookUp(root, options.key);
  const stored = [...found].filter(
    (entry): entry is [string, StoredTensor] =>
      typeof entry[0] === "string" && entry[1] instanceof StoredTensor,
  );
  const wrapped = stored.every(([name]) => name.startsWith("module."));
  const tensors: StateDict = new Map();
  for (const [name, tensor] of stored) {
    tensors.set(wrapped ? name.slice("module.".length) : name, materialise(name, tensor));
  }
  return tensors;
}

function fail(message: string): never {
  throw new FileFormatError(`PyTorch file: ${message}`);
}

function readZipFormat(file: Uint8Array): unknown {
  const entries = zipEntries(file);
  const pickle = [...entries.keys()].find((name) => name.endsWith("/data.pkl"));
  if (pickle === undefined) {
    fail("the archive has no data.pkl; it was not written by torch.save (TorchScript has no dict)");
  }
  const folder = pickle.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== "little") {
    fail("the values are big-endian; save it again on a little-endian machine");
  }
  return readPickle(entries.get(pickle) ?? file, 0, {
    call: callAllowed,
    persistent: (id) => {
      const { key, type, count } = parseStorageId(id);
      const bytes = entries.get(`${folder}data/${key}`);
      if (bytes === undefined) fail(`the values data/${key} are missing`);
      return { type, count, bytes: checkLength(key, type, count, bytes) } satisfies Storage;
    },
  }).value;
}

/** Magic number, protocol, system, object, storage keys (a pickle each), then the storages. */
function readOldFormat(file: Uint8Array): unknown {
  const storages = new Map<string, Storage>();
  const handlers: PickleHandlers = {
    call: callAllowed,
    persistent: (id) => {
      const { key, type, count } = parseStorageId(id);
      const storage = storages.get(key) ?? { type, count, bytes: new Uint8Array(0) };
      storages.set(key, storage);
      return storage;
    },
  };
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(file, at, handlers);
    at = end;
    return value;
  };
  if (file[0] !== 0x80 || next() !== 0x1950a86a20f9469cfc6cn || next() !== 1001) {
    fail("it is neither in the zip format nor in the older one");
  }
  const system = next();
  if (!(system instanceof Map) || system.get("little_endian") !== true) {
    fail("the values are big-endian; save it again on a little-endian machine");
  }
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) fail("the list of storages is missing");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const key of keys) {
    const storage = storages.get(key);
    if (storage === undefined) fail(`no tensor uses the storage ${key}`);
    if (at + 8 > file.length) fail(`it ends before the values of ${key}`);
    const count = Number(view.getBigInt64(at, true));
    const begin = at + 8;
    at = begin + storage.count * ELEMENT_BYTES[storage.type];
    if (count !== storage.count || at > file.length) {
      fail(`storage ${key} shall have ${storage.count} values, ${count} are announced or cut off`);
    }
    storage.bytes = file.subarray(begin, at);
  }
  return root;
}

function parseStorageId(id: unknown): { key: string; type: ElementType; count: number } {
  const [kind, global, key, , count, part] = Array.isArray(id) ? id : [];
  if (kind !== "storage" || !(global instanceof Global) || typeof key !== "string") {
    fail("an object outside the pickle is no storage");
  }
  const type = STORAGE_TYPES[global.name];
  if (type === undefined) {
    fail(`${global.name} is not supported; known are ${Object.keys(STORAGE_TYPES).join(", ")}`);
  }
  if (!isCount(count)) fail(`storage ${key} has no size`);
  if (part !== undefined && part !== null) fail(`storage ${key} is part of another; save it again`);
  return { key, type, count };
}

function checkLength(key: string, type: ElementType, count: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== count * ELEMENT_BYTES[type]) {
    fail(`data/${key} has ${bytes.length} bytes, expected ${count} values of ${type}`);
  }
  return bytes;
}

/** All that a pickle may call. */
function callAllowed({ name }: Global, args: readonly unknown[]): unknown {
  switch (name) {
    case "collections.OrderedDict":
      return new Map(pairs(args[0] ?? []));
    case "torch._utils._rebuild_tensor":
    case "torch._utils._rebuild_tensor_v2":
      return storedTensor(args);
    case "torch._utils._rebuild_parameter":
      return args[0];
    case "torch.Size":
      return args[0];
    default:
      return fail(
        `it calls ${name}, which is not among what rebuilds tensors and dicts, and nothing else ` +
          "is run; save model.state_dict() alone with torch.save",
      );
  }
}

function pairs(value: unknown): [unknown, unknown][] {
  if (!Array.isArray(value)) fail("an OrderedDict is not made from pairs");
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair)) fail("an OrderedDict is not made from pairs");
    return [pair[0], pair[1]];
  });
}

function storedTensor([storage, offset, shape, strides]: readonly unknown[]): StoredTensor {
  const sizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
  if (!isStorage(storage) || !isCount(offset) || !sizes(shape) || !sizes(strides)) {
    fail("a tensor is not made of storage, offset, shape and strides");
  }
  return new StoredTensor(storage, offset, shape, strides);
}

function isStorage(value: unknown): value is Storage {
  return typeof value === "object" && value !== null && "bytes" in value && "count" in value;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function hasTensors(value: unknown): value is Map<unknown, unknown> {
  return value instanceof Map && [...value.values()].some((item) => item instanceof StoredTensor);
}

/** The state_dict: this dict, or the one under a usual key of it. */
function search(root: unknown): Map<unknown, unknown> {
  if (hasTensors(root)) return root;
  if (!(root instanceof Map)) fail("it holds no dict; save model.state_dict() with torch.save");
  const key = USUAL_KEYS.find((name) => hasTensors(root.get(name)));
  const found = root.get(key);
  if (hasTensors(found)) return found;
  return fail(`no state_dict under its keys ${[...root.keys()].join(", ")}; name it with "key"`);
}

function lookUp(root: unknown, key: string): Map<unknown, unknown> {
  let value = root;
  for (const part of key.split(".")) {
    if (!(value instanceof Map) || !value.has(part)) {
      const keys = value instanceof Map ? [...value.keys()].join(", ") : "none";
      fail(`there is no ${part} on the way to ${key}; the keys there are ${keys}`);
    }
    value = value.get(part);
  }
  if (!hasTensors(value)) fail(`${key} holds no tensors`);
  return value;
}

/** Copies a strided view into row-major order. */
function materialise(name: string, tensor: StoredTensor): NamedTensor {
  const { storage, offset, shape, strides } = tensor;
  const count = elements(shape);
  const last = shape.reduce((sum, extent, d) => sum + (extent - 1) * (strides[d] ?? 0), offset);
  if (
    shape.length !== strides.length ||
    count > storage.count ||
    (count && last >= storage.count)
  ) {
    fail(
      `${name} of shape [${shape.join(", ")}] and strides [${strides.join(", ")}] does not lie in ` +
        `its storage of ${storage.count} values`,
    );
  }
  const size = ELEMENT_BYTES[storage.type];
  const source = storage.bytes;
  if (isRowMajor(shape, strides)) {
    return decode(storage.type, shape, source.subarray(offset * size, (offset + count) * size));
  }
  const bytes = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    let from = offset;
    for (let d = shape.length - 1, rest = i; d >= 0; d--) {
      const extent = shape[d] ?? 1;
      from += (rest % extent) * (strides[d] ?? 0);
      rest = Math.floor(rest / extent);
    }
    bytes.set(source.subarray(from * size, (from + 1) * size), i * size);
  }
  return decode(storage.type, shape, bytes);
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d] ?? 1;
  }
  return true;
}
