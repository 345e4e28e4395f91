/** 16-bit floats (IEEE 754 binary16) on the host: Node 20 has no Float16Array. */
import { halfToNumber } from "../../io/small-floats.js";

/** Values held as float64, whose slice on the device is stored as f16. */
export class HalfArray extends Float64Array {}

/** The values rounded to f16, to the nearest and to even on a tie. */
export const halves = (values: ArrayLike<number>): HalfArray =>
  HalfArray.from(values, (value) => halfToNumber(numberToHalf(value))) as HalfArray;

/** Half the distance of neighbouring normal numbers, over their size. */
export const halfRounding = 2 ** -11;

/** The bits of the nearest half, and of the even one on a tie. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Subnormal numbers are multiples of 2^-24, normal ones have 10 bits after the first.
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -14)));
  const step = 2 ** (exponent - 10);
  const steps = roundToEven(size / step);
  const bits = size < 2 ** -14 ? steps : steps + (exponent + 14) * 1024;
  return sign | bits;
}

function roundToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}
