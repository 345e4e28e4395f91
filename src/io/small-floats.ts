/** The value of an IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** How an 8-bit format beside IEEE's rules spends its codes. */
interface Float8 {
  readonly fractionBits: number;
  readonly bias: number;
  /** Codes that are no number: all with the highest exponent as IEEE has it, or these alone. */
  readonly special: "ieee" | readonly number[];
}

/**
 * The 256 values of the OCP formats (Open Compute Project, "8-bit Floating Point", 2023) and of the
 * FNUZ ones (one NaN in the place of -0, no infinities).
 */
export const FLOAT8 = {
  F8_E5M2: table({ fractionBits: 2, bias: 15, special: "ieee" }),
  F8_E4M3: table({ fractionBits: 3, bias: 7, special: [0x7f, 0xff] }),
  F8_E5M2FNUZ: table({ fractionBits: 2, bias: 16, special: [0x80] }),
  F8_E4M3FNUZ: table({ fractionBits: 3, bias: 8, special: [0x80] }),
  /** A scale: an exponent alone. */
  F8_E8M0: Float32Array.from({ length: 256 }, (_, code) =>
    code === 255 ? Number.NaN : 2 ** (code - 127),
  ),
} as const;

function table({ fractionBits, bias, special }: Float8): Float32Array {
  const highest = 2 ** (7 - fractionBits) - 1;
  return Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code & 0x80 ? -1 : 1;
    const exponent = (code & 0x7f) >> fractionBits;
    const fraction = (code & (2 ** fractionBits - 1)) / 2 ** fractionBits;
    if (special === "ieee" && exponent === highest) {
      return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    }
    if (special !== "ieee" && special.includes(code)) return Number.NaN;
    if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
    return sign * (1 + fraction) * 2 ** (exponent - bias);
  });
}
