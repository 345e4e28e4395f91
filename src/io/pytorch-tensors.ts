import { Described, describe, describeAll, describeSizes } from "./describe.js";
import { decode, ELEMENTS, type ElementType, fileBytes, hostBytes } from "./element-types.js";
import { FileFormatError } from "./file-format-error.js";
import { Global, Opaque } from "./pickle-values.js";
import { COST, type ReadBudget } from "./read-budget.js";
import { countOf, isCount, type NamedTensor } from "./state-dict.js";

/** Element types by PyTorch's storage classes, which files of every version name. */
const STORAGES: Readonly<Record<string, ElementType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  ComplexFloatStorage: "C64",
  ComplexDoubleStorage: "C128",
  QInt8Storage: "QI8",
  QUInt8Storage: "QU8",
  QInt32Storage: "QI32",
  QUInt4x2Storage: "QU4X2",
  QUInt2x4Storage: "QU2X4",
  // Bytes; the tensor says of which type.
  UntypedStorage: "U8",
  _UntypedStorage: "U8",
};

/** Element types by dtypes, which tensors over bytes name (PyTorch 2.1 and later). */
const DTYPES: Readonly<Record<string, ElementType>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float8_e5m2: "F8_E5M2",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2fnuz: "F8_E5M2FNUZ",
  float8_e4m3fnuz: "F8_E4M3FNUZ",
  float8_e8m0fnu: "F8_E8M0",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
};

/** Calls that make tensors which are no strided views, each with what it makes. */
const OTHER_TENSORS: Readonly<Record<string, string>> = {
  "torch._utils._rebuild_qtensor": "quantised",
  "torch._utils._rebuild_sparse_tensor": "sparse",
  "torch._utils._rebuild_sparse_csr_tensor": "sparse",
  "torch._utils._rebuild_nested_tensor": "nested",
  "torch._utils._rebuild_meta_tensor_no_storage": "saved without its values",
  "torch._utils._rebuild_wrapper_subclass": "of a subclass with a layout of its own",
  "torch._utils._rebuild_device_tensor_from_numpy": "kept as a NumPy array",
};

/** Values of one type outside of the pickle. */
export class Storage extends Described {
  /**
   * @param key its name in the file
   * @param type null for a type that is not known here, called `typeName`
   * @param load gives the bytes, checked
   */
  constructor(
    readonly key: string,
    readonly type: ElementType | null,
    readonly typeName: string,
    readonly count: number,
    readonly load: () => Uint8Array,
  ) {
    super();
  }

  get description(): string {
    return "a storage";
  }
}

/** A tensor as it was saved: a strided view of a storage. */
export class StoredTensor extends Described {
  constructor(
    readonly storage: Storage,
    readonly type: ElementType,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }

  get description(): string {
    return `a tensor of shape ${describeSizes(this.shape)}`;
  }
}

/** A tensor that cannot be read here, which costs the file nothing but this one name. */
export class UnreadableTensor extends Opaque {
  constructor(
    maker: string,
    readonly reason: string,
  ) {
    super(maker);
  }

  override get description(): string {
    return `a tensor that is ${this.reason}`;
  }
}

export function fail(message: string): never {
  throw new FileFormatError(`PyTorch file: ${message}`);
}

/** The storage that a persistent id names: ("storage", class, key, device, count[, view]). */
export function parseStorageId(
  id: unknown,
  load: (storage: Storage) => Uint8Array,
): Storage | Global {
  const [kind, global, key, , count, view] = Array.isArray(id) ? id : [];
  // Files before PyTorch 1.6 keep the classes of whole models so, with their source text.
  if (kind === "module" && global instanceof Global) return global;
  if (kind !== "storage" || !(global instanceof Global) || typeof key !== "string") {
    fail(`an object outside the pickle is no storage, but ${describe(id)}`);
  }
  if (!isCount(count)) fail(`storage ${describe(key)} has ${describe(count)} values`);
  const typeName = lastPart(global.name);
  const known = view === undefined || view === null ? own(STORAGES, typeName) : undefined;
  const name = known === undefined && view ? "a view of another storage" : typeName;
  const storage: Storage = new Storage(key, known ?? null, name, count, () => load(storage));
  return storage;
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

/** All calls that are known here; undefined for every other. */
export function callKnown({ name }: Global, args: readonly unknown[], budget: ReadBudget): unknown {
  const other = own(OTHER_TENSORS, name);
  if (other !== undefined) return new UnreadableTensor(name, other);
  switch (name) {
    case "collections.OrderedDict":
    case "collections.Counter":
    case "builtins.dict":
    case "__builtin__.dict":
      return dictOf(args[0], budget);
    case "collections.defaultdict":
      return new Map();
    case "torch.Size":
      return args[0];
    case "torch._utils._rebuild_tensor":
    case "torch._utils._rebuild_tensor_v2":
    case "torch._utils._rebuild_tensor_v3":
      return storedTensor(args);
    case "torch._utils._rebuild_parameter":
    case "torch._utils._rebuild_parameter_with_state":
    case "torch._utils._rebuild_device_tensor_from_cpu_tensor":
      return isTensor(args[0]) ? args[0] : undefined;
    case "torch._tensor._rebuild_from_type":
    case "torch._tensor._rebuild_from_type_v2": {
      const [make, , makeArgs] = args;
      if (!(make instanceof Global) || !Array.isArray(makeArgs)) return undefined;
      // One level: a subclass is made from a tensor, not from another subclass.
      return make.name === name ? undefined : callKnown(make, makeArgs, budget);
    }
    default:
      return undefined;
  }
}

export const isTensor = (value: unknown): value is StoredTensor | UnreadableTensor =>
  value instanceof StoredTensor || value instanceof UnreadableTensor;

/** A dict from nothing, another dict, or a list of pairs, as Python 2 wrote OrderedDicts. */
function dictOf(from: unknown, budget: ReadBudget): Map<unknown, unknown> | undefined {
  const items = from instanceof Map ? from : (from ?? []);
  if (!(items instanceof Map) && !Array.isArray(items)) return undefined;
  budget.allocate(
    COST.item * (items instanceof Map ? items.size : items.length),
    "a pickle's dict",
  );
  const dict = new Map<unknown, unknown>();
  for (const pair of items) {
    if (!Array.isArray(pair) || pair.length !== 2) fail("a dict is made of what are no pairs");
    dict.set(pair[0], pair[1]);
  }
  return dict;
}

/** PyTorch's own limit of dimensions. */
const MOST_DIMENSIONS = 64;

function storedTensor(args: readonly unknown[]): StoredTensor | UnreadableTensor {
  const [storage, offset, shape, strides, , , dtype] = args;
  if (!(storage instanceof Storage)) {
    fail(`a tensor's storage is ${describe(storage)}; the file is damaged`);
  }
  const sizes = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every(isCount);
  if (!isCount(offset) || !sizes(shape) || !sizes(strides) || shape.length !== strides.length) {
    fail(
      `a tensor of storage ${describe(storage.key)} has offset ${describe(offset)}, shape ` +
        `${listed(shape)} and strides ${listed(strides)}; the file is damaged`,
    );
  }
  const cast = dtype instanceof Global ? dtype.name : undefined;
  const type = cast === undefined ? storage.type : own(DTYPES, cast.replace(/^torch\./, ""));
  if (type === undefined || type === null || ELEMENTS[type].dtype === null) {
    const typeName = cast ?? storage.typeName;
    return new UnreadableTensor(typeName, `of the type ${describe(typeName)}`);
  }
  return new StoredTensor(storage, type, offset, shape, strides);
}

const listed = (value: unknown): string =>
  Array.isArray(value) ? `[${describeAll(value)}]` : describe(value);

/** A stored tensor's values, row-major, checked against its storage and charged to the budget. */
export function materialise(name: string, tensor: StoredTensor, budget: ReadBudget): NamedTensor {
  const { storage, type, offset, shape, strides } = tensor;
  const bytes = storage.load();
  const held = Math.floor(bytes.length / fileBytes(type, 1));
  const count = countOf(shape);
  const last = shape.reduce((sum, extent, d) => sum + (extent - 1) * (strides[d] ?? 0), offset);
  if (count === undefined || (count > 0 && last >= held)) {
    fail(
      `${describe(name)} of shape ${describeSizes(shape)} and strides ${describeSizes(strides)} ` +
        `from value ${offset} does not lie in its storage of ${held} values; the file is damaged`,
    );
  }
  budget.allocate(COST.object + hostBytes(type, count), describe(name));
  return decode(describe(name), type, shape, bytes, { offset, strides });
}
