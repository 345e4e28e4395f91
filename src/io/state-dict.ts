/** The arrays that hold tensors on the host, by safetensors' names of their element types. */
export interface HostArrays {
  readonly F64: Float64Array;
  readonly F32: Float32Array;
  readonly I64: BigInt64Array;
  readonly I32: Int32Array;
  readonly I16: Int16Array;
  readonly I8: Int8Array;
  readonly U64: BigUint64Array;
  readonly U32: Uint32Array;
  readonly U16: Uint16Array;
  readonly U8: Uint8Array;
}

/** Element types of named tensors, by the names safetensors gives them. */
export type NamedDType = keyof HostArrays;

/**
 * A tensor on the host, row-major. Files' F16, BF16 and 8-bit floating values are read as F32,
 * booleans as U8.
 */
export type NamedTensor = {
  [D in NamedDType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: HostArrays[D];
  };
}[NamedDType];

/** Named tensors in order, as in a PyTorch state_dict. */
export type StateDict = Map<string, NamedTensor>;

/** The constructor of each element type's array. */
export const HOST_ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const satisfies Record<NamedDType, unknown>;

/**
 * Number of values under a shape, or undefined where it is none: an extent that is not 0, 1, 2, ... or
 * a product that a number does not hold exactly.
 */
export function countOf(shape: readonly unknown[]): number | undefined {
  if (!shape.every(isCount)) return undefined;
  if (shape.includes(0)) return 0;
  const count = shape.reduce((product, extent) => product * extent, 1);
  return Number.isSafeInteger(count) ? count : undefined;
}

/** 0, 1, 2, ... up to what a number holds exactly. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/**
 * What is wrong with a named tensor: a sentence's end for its name, or undefined. Types hold for what
 * TypeScript sees; values from elsewhere are looked at here.
 */
export function faultOf({ dtype, shape, data }: NamedTensor): string | undefined {
  const types = Object.keys(HOST_ARRAYS).join(", ");
  if (!Object.hasOwn(HOST_ARRAYS, dtype)) return `has the dtype ${dtype}; there are ${types}`;
  const count = Array.isArray(shape) ? countOf(shape) : undefined;
  if (count === undefined) return `has the shape [${shape}], which is no list of sizes`;
  const expected = HOST_ARRAYS[dtype];
  if (!(data instanceof expected)) return `is ${dtype}, but its values are no ${expected.name}`;
  if (data.length !== count) {
    return `has ${data.length} values for the shape [${shape.join(", ")}], which takes ${count}`;
  }
  return undefined;
}
