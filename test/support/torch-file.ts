import { concat, text, u32, u64 } from "./bytes.js";
import { type ZipMaking, type ZipPart, zipFile } from "./zip-file.js";

/** Parts of a pickle's program, opcode by opcode, with nothing of the reader in it. */
export const pickle = {
  none: [0x4e],
  mark: [0x28],
  string: (value: string) => [0x58, ...u32(text(value).length), ...text(value)],
  int: (value: number) => [0x4a, ...u32(value)],
  /** The classes' and functions' names: "torch._utils" and "_rebuild_tensor_v2". */
  global: (module: string, name: string) => [0x63, ...text(`${module}\n${name}\n`)],
  tuple: (...items: number[][]) => [0x28, ...items.flat(), 0x74],
  list: (...items: number[][]) => [0x5d, 0x28, ...items.flat(), 0x65],
  dict: (...items: [number[], number[]][]) => [0x7d, 0x28, ...items.flat(2), 0x75],
  reduce: (callee: number[], ...args: number[][]) => [...callee, ...pickle.tuple(...args), 0x52],
  newObject: (callee: number[], ...args: number[][]) => [...callee, ...pickle.tuple(...args), 0x81],
  build: (object: number[], state: number[]) => [...object, ...state, 0x62],
  persistent: (id: number[]) => [...id, 0x51],
  put: (key: number) => [0x71, key],
  get: (key: number) => [0x68, key],
  program: (...parts: number[][]) => [0x80, 2, ...parts.flat(), 0x2e],
};

export interface TensorMaking {
  readonly shape: readonly number[];
  /** Row-major when not given. */
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** "FloatStorage", or ["torch.storage", "UntypedStorage"]. */
  readonly storage?: string;
  readonly key?: string;
  /** Values that the storage is said to have. */
  readonly count?: number;
  /** A dtype's name, for tensors over bytes (PyTorch 2.1 and later). */
  readonly dtype?: string;
}

const product = (shape: readonly number[]) => shape.reduce((p, e) => p * e, 1);

export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, d) => product(shape.slice(d + 1)));
}

/** The program that makes one tensor. */
export function tensorPickle({
  shape,
  strides = rowMajor(shape),
  offset = 0,
  storage = "FloatStorage",
  key = "0",
  count = product(shape),
  dtype,
}: TensorMaking): number[] {
  const { global, int, none, persistent, reduce, string, tuple } = pickle;
  const storageClass = global(dtype === undefined ? "torch" : "torch.storage", storage);
  const id = tuple(string("storage"), storageClass, string(key), string("cpu"), int(count));
  const hooks = reduce(global("collections", "OrderedDict"));
  const rest = dtype === undefined ? [] : [global("torch", dtype)];
  const name = `_rebuild_tensor_v${dtype === undefined ? 2 : 3}`;
  return reduce(
    global("torch._utils", name),
    persistent(id),
    ...[int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), [0x89], hooks],
    ...(dtype === undefined ? [] : rest),
    ...(dtype === undefined ? [] : [none]),
  );
}

export type StorageBytes = Readonly<Record<string, ArrayLike<number>>>;

/** What torch.save writes since 1.6: a pickle, and a file for each storage. */
export function torchZip(
  program: readonly number[],
  storages: StorageBytes = {},
  { more = [], ...making }: ZipMaking & { readonly more?: readonly ZipPart[] } = {},
): Uint8Array {
  const data = Object.entries(storages).map(([key, content]) => ({
    name: `a/data/${key}`,
    content,
  }));
  return zipFile([{ name: "a/data.pkl", content: program }, ...data, ...more], making);
}

/** What torch.save wrote before; each storage with its number of values. */
export function torchLegacy(
  program: readonly number[],
  storages: Readonly<Record<string, readonly [count: number, bytes: ArrayLike<number>]>> = {},
): Uint8Array {
  const { dict, int, list, string } = pickle;
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  return concat([
    pickle.program(magic),
    pickle.program(int(1001)),
    pickle.program(dict([string("little_endian"), [0x88]])),
    program,
    pickle.program(list(...Object.keys(storages).map(string))),
    ...Object.values(storages).flatMap(([count, bytes]) => [u64(count), bytes]),
  ]);
}
