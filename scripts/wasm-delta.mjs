// The builds of the CPU kernels differ in few bytes. A bundle holds the first one whole and the
// others as deltas, which takes a third of the room; see `restore` for the format. All of it is
// deflated before it becomes text: what is deflated afterwards, on the way to a browser, as base64
// takes half as much again.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { deflateRawSync } from "node:zlib";

const base = "simd.wasm";
const keyBytes = 8;
/** Places tried for a key: common ones occur thousands of times. */
const mostPlaces = 12;
const deltas = new Map();

/** An esbuild plugin: what is imported from `*.wasm` is a function that promises its bytes. */
export const wasmDeltas = {
  name: "wasm-deltas",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^wasm-restore$/ }, ({ path }) => ({ path, namespace: "wasm-restore" }));
    onLoad({ filter: /.*/, namespace: "wasm-restore" }, () => ({
      contents: `export ${inflate}\nexport ${restore}`,
      loader: "js",
    }));
    onLoad({ filter: /\.wasm$/ }, ({ path }) => {
      const isBase = basename(path) === base;
      const whole = `import { inflate } from "wasm-restore";
export default () => inflate("${isBase ? packed(readFileSync(path)) : ""}");`;
      const delta = `import { inflate, restore } from "wasm-restore";
import base from "./${base}";
export default async () => restore(await base(), await inflate("${isBase ? "" : deltaOf(path)}"));`;
      return { contents: isBase ? whole : delta, loader: "js", resolveDir: dirname(path) };
    });
  },
};

const packed = (bytes) => deflateRawSync(bytes, { level: 9 }).toString("base64");

/** What `packed` packed, in any engine. */
async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Computed once for all bundles of a process. */
function deltaOf(path) {
  const known = deltas.get(path);
  if (known) return known;
  const from = readFileSync(join(dirname(path), base));
  const bytes = readFileSync(path);
  const delta = difference(from, bytes);
  if (Buffer.compare(restore(from, delta), bytes) !== 0) throw new Error(`wrong delta of ${path}`);
  deltas.set(path, packed(delta));
  return packed(delta);
}

/**
 * A delta is a list of (bytes to insert, the bytes, where to copy from relative to the end of the
 * last copy, bytes to copy); numbers are LEB128, the relative one zigzag. The total length is first.
 */
export function restore(base, delta) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = delta[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const out = new Uint8Array(number());
  let written = 0;
  let from = 0;
  while (written < out.length) {
    const inserted = number();
    out.set(delta.subarray(at, at + inserted), written);
    at += inserted;
    written += inserted;
    const zigzag = number();
    from += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
    const copied = number();
    out.set(base.subarray(from, from + copied), written);
    from += copied;
    written += copied;
  }
  return out;
}

export function difference(base, bytes) {
  const key = (data, i) => data.subarray(i, i + keyBytes).toString("latin1");
  const places = new Map();
  for (let i = 0; i + keyBytes <= base.length; i++) {
    const list = places.get(key(base, i));
    if (!list) places.set(key(base, i), [i]);
    else if (list.length < mostPlaces) list.push(i);
  }
  const out = [];
  const number = (value) => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
    out.push(rest);
  };
  number(bytes.length);
  let from = 0;
  let inserted = 0;
  let at = 0;
  const emit = (start, length) => {
    number(at - inserted);
    out.push(...bytes.subarray(inserted, at));
    const step = start - from;
    number(step < 0 ? -2 * step - 1 : 2 * step);
    number(length);
    from = start + length;
    at += length;
    inserted = at;
  };
  while (at < bytes.length) {
    // Where the last copy would go on comes first: an edit in place is then two small numbers.
    const onward = from + (at - inserted);
    const found = [onward, ...(places.get(key(bytes, at)) ?? [])];
    const [start, length] = longest(base, bytes, at, found);
    if (length >= (start === onward ? 4 : keyBytes)) emit(start, length);
    else at++;
  }
  if (inserted < bytes.length) emit(from, 0);
  return Uint8Array.from(out);
}

function longest(base, bytes, at, places) {
  let best = [0, 0];
  for (const start of places) {
    let length = 0;
    while (
      start + length < base.length &&
      at + length < bytes.length &&
      base[start + length] === bytes[at + length]
    ) {
      length++;
    }
    if (length > best[1]) best = [start, length];
  }
  return best;
}
