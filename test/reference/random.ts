import type { HostArray, HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

type Words = [number, number, number, number];

/** The 64-bit product of two words, as [high, low]. */
function multiply(a: number, b: number): [number, number] {
  const wide = BigInt(a) * BigInt(b);
  return [Number(wide >> 32n), Number(wide & 0xffffffffn)];
}

/** Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011). */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

const draw = (state: HostArray, block: number, stream: number): Words =>
  philox([block, at(state, 2), at(state, 3), stream], [at(state, 0), at(state, 1)]);

export function random({ op, out, state, low, high }: HostCall<"random">): void {
  for (let i = 0; i < out.length; i++) {
    const words = draw(state, Math.floor(i / 4), 0);
    const lane = i % 4;
    if (op === "uniform") {
      out[i] = low + (high - low) * (at(words, lane) >>> 8) * 2 ** -24;
      continue;
    }
    const pair = lane - (lane % 2);
    const u1 = ((at(words, pair) >>> 8) + 1) * 2 ** -24;
    const u2 = (at(words, pair + 1) >>> 8) * 2 ** -24;
    const wave = lane % 2 === 0 ? Math.cos : Math.sin;
    out[i] = low + high * Math.sqrt(-2 * Math.log(u1)) * wave(2 * Math.PI * u2);
  }
}

export function augment(call: HostCall<"augment">): void {
  const { images, out, state, n, h, w, channels, pad } = call;
  const bytes = new Uint8Array(Uint32Array.from(images).buffer);
  const shift = (r: number): number => multiply(r, 2 * pad + 1)[0] - pad;
  for (let i = 0; i < n; i++) {
    const [r0, r1, r2] = draw(state, i, 1);
    const flipped = call.flip && r2 >>> 31 === 1;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const fromY = y + shift(r0);
        const fromX = (flipped ? w - 1 - x : x) + shift(r1);
        const inside = fromY >= 0 && fromY < h && fromX >= 0 && fromX < w;
        for (let c = 0; c < 4; c++) {
          const pixel = ((i * h + fromY) * w + fromX) * channels + c;
          const byte = inside && c < channels ? (bytes[pixel] ?? 0) : 0;
          const value = (byte / 255 - (call.mean[c] ?? 0)) / (call.std[c] ?? 1);
          out[((i * h + y) * w + x) * 4 + c] = c < channels ? value : 0;
        }
      }
    }
  }
}
