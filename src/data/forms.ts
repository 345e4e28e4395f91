/**
 * Signed distance (or a bound of it) to a form's edge, negative inside, for a point in the form's
 * own frame: the unit circle about the origin holds the form. Only + - * / and square roots occur,
 * which IEEE 754 defines to the last bit, so every engine draws the same pictures.
 */
export type Form = (x: number, y: number) => number;

/** The classes of the synthetic set, in the order of their labels. */
export const FORMS: Readonly<Record<string, Form>> = {
  disc: (x, y) => length(x, y) - 0.85,
  ring: (x, y) => Math.abs(length(x, y) - 0.66) - 0.22,
  square: (x, y) => box(x, y, 0.7, 0.7),
  triangle: (x, y) => Math.max(Math.abs(x) * COS30 + y * 0.5, -y) - 0.5,
  cross: (x, y) => Math.min(box(x, y, 0.92, 0.28), box(x, y, 0.28, 0.92)),
  star,
  crescent: (x, y) => Math.max(length(x, y) - 0.92, 0.72 - length(x - 0.42, y)),
  spiral,
  hourglass: (x, y) => Math.max(Math.abs(x) * COS30 - Math.abs(y) * 0.5 - 0.1, Math.abs(y) - 0.8),
  ell: (x, y) => Math.min(box(x + 0.4, y, 0.27, 0.82), box(x, y + 0.55, 0.67, 0.27)),
};

const COS30 = 0.8660254037844386;
const COS36 = 0.8090169943749475;
const SIN36 = 0.5877852522924731;

function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** Rectangle about the origin with the half sides a and b. */
export function box(x: number, y: number, a: number, b: number): number {
  const dx = Math.abs(x) - a;
  const dy = Math.abs(y) - b;
  return length(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0);
}

/** Five tips on the unit circle, valleys at 0.45: folded by its mirrors into half a tip. */
function star(x: number, y: number): number {
  const valley = 0.45;
  let px = Math.abs(x);
  let py = y;
  for (const nx of [COS36, -COS36]) {
    const beyond = Math.max(nx * px - SIN36 * py, 0);
    px -= 2 * beyond * nx;
    py += 2 * beyond * SIN36;
  }
  px = Math.abs(px);
  const edgeX = valley * SIN36;
  const edgeY = valley * COS36 - 1;
  return (edgeX * (py - 1) - edgeY * px) / length(edgeX, edgeY);
}

/** One arm of two turns. The angle is measured along a square, not a circle, in turns. */
function spiral(x: number, y: number): number {
  const sum = Math.abs(x) + Math.abs(y);
  const quarter = sum === 0 ? 0 : y / sum;
  const turn = (x >= 0 ? (quarter + 4) % 4 : 2 - quarter) / 4;
  const radius = length(x, y);
  const phase = radius * 2.1 - turn;
  const arm = (Math.abs(phase - Math.floor(phase) - 0.5) - 0.27) / 2.1;
  return Math.max(arm, radius - 0.92);
}
