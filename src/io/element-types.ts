import type { NamedDType, NamedTensor } from "./state-dict.js";

/** Element types that files hold, by safetensors' names. */
export type ElementType = NamedDType | "BOOL";

export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  BOOL: 1,
};

/**
 * Little-endian bytes as a tensor. F16 and BF16 become F32 without loss, BOOL becomes U8. The bytes are copied, so they need no alignment.
 */
export function decode(
  type: ElementType,
  shape: readonly number[],
  bytes: Uint8Array,
): NamedTensor {
  const { buffer } = new Uint8Array(bytes);
  switch (type) {
    case "F32":
      return { dtype: "F32", shape, data: new Float32Array(buffer) };
    case "I64":
      return { dtype: "I64", shape, data: new BigInt64Array(buffer) };
    case "I32":
      return { dtype: "I32", shape, data: new Int32Array(buffer) };
    case "U8":
    case "BOOL":
      return { dtype: "U8", shape, data: new Uint8Array(buffer) };
    case "F64":
      return { dtype: "F64", shape, data: new Float64Array(buffer) };
    case "F16":
      return {
        dtype: "F32",
        shape,
        data: Float32Array.from(new Uint16Array(buffer), halfToNumber),
      };
    case "BF16": {
      const bits = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
      return { dtype: "F32", shape, data: new Float32Array(bits.buffer) };
    }
  }
}

/** The value of an IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Number of values under a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
