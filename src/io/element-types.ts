import { FileFormatError } from "./file-format-error.js";
import { FLOAT8, halfToNumber } from "./small-floats.js";
import { HOST_ARRAYS, type NamedDType, type NamedTensor } from "./state-dict.js";

/** How a file's values become the host's. */
interface Element {
  readonly bits: number;
  /** What the values are on the host; null where it has no array for them. */
  readonly dtype: NamedDType | null;
  /** The value at a byte, for types that change on the way; all others are copied as they are. */
  readonly value?: (view: DataView, at: number) => number;
}

const same = (dtype: NamedDType): Element => ({
  bits: 8 * HOST_ARRAYS[dtype].BYTES_PER_ELEMENT,
  dtype,
});

const byTable = (values: Float32Array): Element => ({
  bits: 8,
  dtype: "F32",
  value: (view, at) => values[view.getUint8(at)] as number,
});

/** All values of binary16, made when the first file has some. */
let halves: Float32Array | undefined;

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** Element types that files hold, by safetensors' names (PyTorch's own where it has none). */
export const ELEMENTS = {
  F64: same("F64"),
  F32: same("F32"),
  F16: {
    bits: 16,
    dtype: "F32",
    value: (view, at) => {
      halves ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => halfToNumber(half));
      return halves[view.getUint16(at, true)] as number;
    },
  },
  BF16: {
    bits: 16,
    dtype: "F32",
    value: (view, at) => {
      bits[0] = view.getUint16(at, true) << 16;
      return asFloat[0] as number;
    },
  },
  F8_E5M2: byTable(FLOAT8.F8_E5M2),
  F8_E4M3: byTable(FLOAT8.F8_E4M3),
  F8_E5M2FNUZ: byTable(FLOAT8.F8_E5M2FNUZ),
  F8_E4M3FNUZ: byTable(FLOAT8.F8_E4M3FNUZ),
  F8_E8M0: byTable(FLOAT8.F8_E8M0),
  I64: same("I64"),
  I32: same("I32"),
  I16: same("I16"),
  I8: same("I8"),
  U64: same("U64"),
  U32: same("U32"),
  U16: same("U16"),
  U8: same("U8"),
  BOOL: { bits: 8, dtype: "U8" },
  C64: { bits: 64, dtype: null },
  C128: { bits: 128, dtype: null },
  QI8: { bits: 8, dtype: null },
  QU8: { bits: 8, dtype: null },
  QI32: { bits: 32, dtype: null },
  QU4X2: { bits: 8, dtype: null },
  QU2X4: { bits: 8, dtype: null },
  F6_E2M3: { bits: 6, dtype: null },
  F6_E3M2: { bits: 6, dtype: null },
  F4: { bits: 4, dtype: null },
} as const satisfies Record<string, Element>;

export type ElementType = keyof typeof ELEMENTS;

/** Bytes that `count` values take in a file; no whole number where they do not end with a byte. */
export const fileBytes = (type: ElementType, count: number): number =>
  (ELEMENTS[type].bits / 8) * count;

/** Bytes that `count` values take on the host; 0 for types that it has no array for. */
export function hostBytes(type: ElementType, count: number): number {
  const { dtype } = ELEMENTS[type];
  return dtype === null ? 0 : HOST_ARRAYS[dtype].BYTES_PER_ELEMENT * count;
}

/** Where a tensor's values lie among others, counted in values. */
export interface Placement {
  readonly offset: number;
  readonly strides: readonly number[];
}

/**
 * Little-endian values as a tensor of its own, row-major; the bytes need no alignment. 16- and 8-bit
 * floating types become F32 without loss, BOOL becomes U8.
 * @param bytes where the values lie; the caller has checked that all of them do
 * @param placement where in `bytes` they lie, when not row-major from its beginning
 * @throws FileFormatError for a type that the host has no array for, and for booleans beside 0 and 1
 */
export function decode(
  name: string,
  type: ElementType,
  shape: readonly number[],
  bytes: Uint8Array,
  placement?: Placement,
): NamedTensor {
  const { dtype, value, bits: width }: Element = ELEMENTS[type];
  if (dtype === null) throw new FileFormatError(`${name} is ${type}, which has no array here`);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const data = new HOST_ARRAYS[dtype](count);
  const size = width / 8;
  const begin = (placement?.offset ?? 0) * size;
  const strided = placement !== undefined && !isRowMajor(shape, placement.strides);
  if (value) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (strided) forEachPlace(shape, placement, (from, i) => (data[i] = value(view, from * size)));
    else for (let i = 0; i < count; i++) data[i] = value(view, begin + i * size);
  } else {
    const target = new Uint8Array(data.buffer);
    if (strided) {
      forEachPlace(shape, placement, (from, i) => {
        for (let b = 0; b < size; b++) target[i * size + b] = bytes[from * size + b] as number;
      });
    } else target.set(bytes.subarray(begin, begin + count * size));
  }
  if (type === "BOOL") checkBooleans(name, data as Uint8Array);
  return { dtype, shape, data } as NamedTensor;
}

function checkBooleans(name: string, data: Uint8Array): void {
  const stray = data.findIndex((byte) => byte > 1);
  if (stray < 0) return;
  throw new FileFormatError(
    `value ${stray} of ${name} is ${data[stray]}, but booleans are 0 or 1; the file is damaged`,
  );
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d] ?? 1;
  }
  return true;
}

/** Calls `visit` with the place of each value of a tensor, in row-major order. */
function forEachPlace(
  shape: readonly number[],
  { offset, strides }: Placement,
  visit: (from: number, i: number) => void,
): void {
  // Extents of 1 would only carry on: without them a carry costs less than a value, on average.
  const axes = shape.flatMap((extent, d) => (extent === 1 ? [] : [d]));
  const extents = axes.map((d) => shape[d] as number);
  const steps = axes.map((d) => strides[d] as number);
  const index = axes.map(() => 0);
  const count = extents.reduce((product, extent) => product * extent, 1);
  let from = offset;
  for (let i = 0; i < count; i++) {
    visit(from, i);
    for (let d = index.length - 1; d >= 0; d--) {
      const [at, extent, step] = [
        (index[d] as number) + 1,
        extents[d] as number,
        steps[d] as number,
      ];
      index[d] = at === extent ? 0 : at;
      from += at === extent ? -step * (extent - 1) : step;
      if (at < extent) break;
    }
  }
}
