/** Little-endian bytes for files made by hand. */

export const text = (string: string): number[] => [...new TextEncoder().encode(string)];

export const u16 = (...values: number[]): number[] =>
  values.flatMap((v) => [v & 255, (v >> 8) & 255]);

export const u32 = (...values: number[]): number[] =>
  values.flatMap((v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]);

/** Whole numbers of up to 53 bits. */
export const u64 = (...values: number[]): number[] =>
  values.flatMap((v) => u32(v >>> 0, Math.floor(v / 2 ** 32)));

export const floats = (...values: number[]): number[] => [
  ...new Uint8Array(Float32Array.from(values).buffer),
];

/** Longer than an argument list may be. */
export function concat(parts: readonly ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
