import { describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.js";
import type { NamedTensor, StateDict } from "../../src/io/state-dict.js";
import { concat, u64 } from "../support/bytes.js";

/** A file from a header and values, with nothing of the writer in it. */
function fileOf(header: unknown, values: readonly number[], announced?: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  return concat([u64(announced ?? json.length), json, values]);
}

const entry = (dtype: string, shape: number[], begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("readSafetensors", () => {
  it("reads a file made by hand, value by value", () => {
    const { tensors, metadata } = readSafetensors(
      fileOf(
        {
          __metadata__: { format: "pt" },
          bytes: entry("U8", [3], 0, 3),
          "conv.weight": entry("F32", [1, 2], 3, 11),
          count: entry("I64", [], 11, 19),
          half: entry("F16", [5], 19, 29),
          brain: entry("BF16", [2], 29, 33),
          double: entry("F64", [1], 33, 41),
          flag: entry("BOOL", [2], 41, 43),
          int: entry("I32", [1], 43, 47),
          none: entry("F32", [0, 4], 47, 47),
        },
        [
          ...[7, 0, 255],
          ...[0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x20, 0xc1],
          ...[0xfe, 255, 255, 255, 255, 255, 255, 255],
          ...[0x00, 0x3c, 0x01, 0x00, 0xff, 0xfb, 0x00, 0x7c, 0x55, 0x35],
          ...[0xc0, 0x3f, 0x49, 0xc0],
          ...[0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f],
          ...[1, 0],
          ...[0x39, 0x30, 0, 0x80],
        ],
      ),
    );
    const expected: Record<string, NamedTensor> = {
      bytes: { dtype: "U8", shape: [3], data: Uint8Array.of(7, 0, 255) },
      "conv.weight": { dtype: "F32", shape: [1, 2], data: Float32Array.of(1.5, -10) },
      count: { dtype: "I64", shape: [], data: BigInt64Array.of(-2n) },
      half: {
        dtype: "F32",
        shape: [5],
        data: Float32Array.of(1, 2 ** -24, -65504, Number.POSITIVE_INFINITY, 0.333251953125),
      },
      brain: { dtype: "F32", shape: [2], data: Float32Array.of(1.5, -3.140625) },
      double: { dtype: "F64", shape: [1], data: Float64Array.of(0.1) },
      flag: { dtype: "U8", shape: [2], data: Uint8Array.of(1, 0) },
      int: { dtype: "I32", shape: [1], data: Int32Array.of(-(2 ** 31) + 12345) },
      none: { dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
    };
    expect(Object.fromEntries(tensors)).toEqual(expected);
    expect([...tensors.keys()]).toEqual(Object.keys(expected));
    expect(metadata).toEqual({ format: "pt" });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["too short", Uint8Array.of(1, 2, 3), /the file has 3 bytes/],
    ["cut off", fileOf({}, [], 50), /said to have 50 bytes, but 2 follow/],
    [
      "longer than memory",
      Uint8Array.from({ length: 16 }, () => 255),
      /18446744073709551615 bytes/,
    ],
    ["no JSON", fileOf("{a}", []), /not JSON/],
    ["no object", fileOf("[1]", []), /not a JSON object/],
    ["metadata", fileOf({ __metadata__: { a: 1 } }, []), /__metadata__: a is not a string/],
    ["dtype", fileOf({ w: entry("F8_E4M4", [1], 0, 1) }, [0]), /w has dtype F8_E4M4; supported/],
    ["PyTorch's dtype", fileOf({ w: entry("QI8", [1], 0, 1) }, [0]), /w has dtype QI8; supported/],
    ["inherited dtype", fileOf({ w: entry("toString", [1], 0, 1) }, [0]), /w has dtype toString/],
    ["shape", fileOf({ w: entry("U8", [-1], 0, 1) }, [0]), /shape of w is \[-1\]/],
    ["offsets", fileOf({ w: entry("U8", [1], 2, 1) }, [0]), /data_offsets of w are \[2, 1\]/],
    ["no offsets", fileOf({ w: { dtype: "U8", shape: [1] } }, [0]), /data_offsets of w/],
    ["size", fileOf({ w: entry("F32", [3], 0, 8) }, new Array(8).fill(1)), /takes 12 bytes, .* 8/],
    ["beyond", fileOf({ w: entry("U8", [4], 0, 4) }, [1, 2, 3]), /w ends at byte 4, but only 3/],
    [
      "gap",
      fileOf({ v: entry("U8", [1], 0, 1), w: entry("U8", [1], 2, 3) }, [1, 2, 3]),
      /bytes 1 .. 1 before w belong to no tensor/,
    ],
    [
      "overlap",
      fileOf({ v: entry("U8", [2], 0, 2), w: entry("U8", [2], 1, 3) }, [1, 2, 3]),
      /w begins at byte 1, inside the tensor before it, which ends at 2/,
    ],
    ["rest", fileOf({ v: entry("U8", [1], 0, 1) }, [1, 2, 3]), /bytes 1 .. 2 after the last/],
    [
      "a name twice",
      fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', [1]),
      /the header has a twice at character/,
    ],
    [
      "a name twice, once escaped",
      fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{}}', [1]),
      /the header has a twice/,
    ],
    [
      "a field twice",
      fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', [1]),
      /the header has dtype twice/,
    ],
    [
      "a boolean that is 7",
      fileOf({ a: entry("BOOL", [2], 0, 2) }, [1, 7]),
      /value 1 of a is 7, but/,
    ],
    [
      "a shape beyond numbers",
      fileOf({ a: entry("U8", [2 ** 52, 2 ** 52], 0, 1) }, [1]),
      /a: U8 of shape .* takes Infinity bytes/,
    ],
    [
      "a product that overflows to nothing",
      fileOf({ a: entry("U8", new Array(200).fill(2 ** 52), 0, 0) }, []),
      /takes Infinity bytes, data_offsets span 0/,
    ],
    [
      "4-bit values that end within a byte",
      fileOf({ a: entry("F4", [3], 0, 1) }, [1]),
      /takes 1.5/,
    ],
    ["deep nesting", fileOf(`{"a":${"[".repeat(100_000)}`, []), /nested more than 32 levels/],
    ["NUL padding", fileOf("{}\0\0", []), /is not JSON: it goes on after its end/],
    ["a byte order mark", fileOf("\ufeff{}", []), /not a JSON object/],
    [
      "bytes that are no UTF-8",
      Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff),
      /not JSON in UTF-8/,
    ],
    ["a trailing comma", fileOf('{"a":{},}', []), /not JSON: no proper string/],
    ["a number JSON has not", fileOf('{"a":01}', []), /no , or } after/],
    ["a raw line break in a name", fileOf('{"a\nb":{}}', []), /no proper string/],
  ])("refuses a file with a bad header: %s", (_, file, message) => {
    expect(() => readSafetensors(file)).toThrow(
      expect.objectContaining({ name: "FileFormatError", message: expect.stringMatching(message) }),
    );
  });

  it("keeps whatever is a name", () => {
    const names = ["__proto__", "constructor", "toString", "", "ü", "a b"];
    const header = names.map(
      (name, i) =>
        `${JSON.stringify(name)}:{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
    );
    const notes = '"__metadata__":{"__proto__":"p","a":"b"}';
    const file = fileOf(
      `{${notes},${header}}`,
      names.map((_, i) => i + 1),
    );
    const { tensors, metadata } = readSafetensors(file);
    expect([...tensors.keys()]).toEqual(names);
    expect([...tensors.values()].map(({ data }) => data[0])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", "p"],
      ["a", "b"],
    ]);
    expect(metadata.constructor).toBeUndefined();
  });

  it("reads every type that has an array, and skips the others by name", () => {
    const { tensors, skipped } = readSafetensors(
      fileOf(
        {
          short: entry("I16", [1], 0, 2),
          char: entry("I8", [1], 2, 3),
          u16: entry("U16", [1], 3, 5),
          u32: entry("U32", [1], 5, 9),
          u64: entry("U64", [1], 9, 17),
          f8: entry("F8_E4M3", [2], 17, 19),
          "f8.e5m2": entry("F8_E5M2", [1], 19, 20),
          four: entry("F4", [4], 20, 22),
          six: entry("F6_E2M3", [4], 22, 25),
          complex: entry("C64", [1], 25, 33),
        },
        [
          ...[0, 0x80, 0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
          ...[0x38, 0xff, 0xc0, 1, 1, 1, 1, 1, ...new Array(8).fill(0)],
        ],
      ),
    );
    const values = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
    expect(values).toEqual({
      short: Int16Array.of(-32768),
      char: Int8Array.of(-128),
      u16: Uint16Array.of(65535),
      u32: Uint32Array.of(2 ** 32 - 1),
      u64: BigUint64Array.of(2n ** 64n - 1n),
      f8: Float32Array.of(1, Number.NaN),
      "f8.e5m2": Float32Array.of(-2),
    });
    expect([...skipped]).toEqual([
      ["four", "its element type F4 has no array here"],
      ["six", "its element type F6_E2M3 has no array here"],
      ["complex", "its element type C64 has no array here"],
    ]);
  });

  it("takes module. and _orig_mod. out of names, unless told to keep them", () => {
    const header = {
      "module._orig_mod.features.module.0.weight": entry("U8", [1], 0, 1),
      "module._orig_mod.fc.bias": entry("U8", [1], 1, 2),
    };
    const file = fileOf(header, [1, 2]);
    expect([...readSafetensors(file).tensors.keys()]).toEqual(["features.0.weight", "fc.bias"]);
    const kept = readSafetensors(file, { wrappers: "keep" });
    expect([...kept.tensors.keys()]).toEqual(Object.keys(header));
  });

  it("refuses overlapping ranges before it copies one, and what its memory does not hold", () => {
    const count = 3000;
    const size = 300_000;
    const header = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`w${i}`, entry("U8", [size], 0, size)]),
    );
    const file = fileOf(header, new Array(size).fill(1));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readSafetensors(file)).toThrow(/w1 begins at byte 0, inside the tensor before/);
    // 3,000 copies are 900 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
    const one = fileOf({ w: entry("F8_E4M3", [size], 0, size) }, new Array(size).fill(1));
    expect(readSafetensors(one).tensors.size).toBe(1);
    expect(() => readSafetensors(one, { memory: 1e6, file: "w.safetensors" })).toThrow(
      /^w.safetensors: w would take reading this file of \d+ bytes over 1000000 bytes of memory/,
    );
  });
});

describe("writeSafetensors", () => {
  const tensors: StateDict = new Map<string, NamedTensor>([
    ["mask", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ["linear.weight", { dtype: "F32", shape: [1, 3], data: Float32Array.of(0.1, -2, 1e-40) }],
    ["bn.num_batches_tracked", { dtype: "I64", shape: [], data: BigInt64Array.of(123456789012n) }],
    ["größe", { dtype: "I32", shape: [2], data: Int32Array.of(-1, 5) }],
  ]);

  it("is read back with every value, shape and note", () => {
    const back = readSafetensors(writeSafetensors(tensors, { seed: "7" }));
    expect(Object.fromEntries(back.tensors)).toEqual(Object.fromEntries(tensors));
    expect(back.metadata).toEqual({ seed: "7" });
    expect(readSafetensors(writeSafetensors(new Map())).tensors.size).toBe(0);
  });

  it("lays the file out as the format says, large elements first", () => {
    const file = writeSafetensors(tensors);
    const length = file[0] ?? 0;
    const text = new TextDecoder().decode(file.subarray(8, 8 + length + 256 * (file[1] ?? 0)));
    expect((8 + text.length) % 8).toBe(text.includes("größe") ? 6 : 0); // two letters take 2 bytes
    expect(JSON.parse(text)).toEqual({
      "bn.num_batches_tracked": entry("I64", [], 0, 8),
      "linear.weight": entry("F32", [1, 3], 8, 20),
      größe: entry("I32", [2], 20, 28),
      mask: entry("U8", [3], 28, 31),
    });
    expect([...file.subarray(-3)]).toEqual([1, 2, 3]);
    expect([...file.subarray(-31, -23)]).toEqual([0x14, 0x1a, 0x99, 0xbe, 0x1c, 0, 0, 0]);
  });

  it("writes a view's own part of its buffer", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const file = writeSafetensors(new Map([["w", { dtype: "F32", shape: [2], data }]]));
    expect(readSafetensors(file).tensors.get("w")?.data).toEqual(Float32Array.of(2, 3));
  });

  it("keeps names that mean something in JavaScript", () => {
    const tensors: StateDict = new Map(
      ["__proto__", "constructor", "hasOwnProperty"].map((name, i): [string, NamedTensor] => [
        name,
        { dtype: "U8", shape: [1], data: Uint8Array.of(i + 1) },
      ]),
    );
    const notes = Object.fromEntries([["__proto__", "note"]]);
    const back = readSafetensors(writeSafetensors(tensors, notes));
    expect([...back.tensors]).toEqual([...tensors]);
    expect(Object.entries(back.metadata)).toEqual([["__proto__", "note"]]);
  });

  it.each<[string, unknown, RegExp]>([
    [
      "too few values",
      { dtype: "F32", shape: [2, 3], data: new Float32Array(5) },
      /w has 5 values for the shape \[2, 3\], which takes 6/,
    ],
    [
      "a shape of NaN",
      { dtype: "F32", shape: [Number.NaN], data: new Float32Array(0) },
      /no list of sizes/,
    ],
    [
      "a shape beyond numbers",
      { dtype: "U8", shape: [2 ** 52, 2 ** 52, 0, 1.5], data: new Uint8Array(0) },
      /no list/,
    ],
    [
      "another array",
      { dtype: "F32", shape: [1], data: new Float64Array(1) },
      /is F32, but its values are no Float32Array/,
    ],
    [
      "a type of files alone",
      { dtype: "BF16", shape: [1], data: new Uint16Array(1) },
      /dtype BF16; there are/,
    ],
    [
      "an inherited type",
      { dtype: "toString", shape: [1], data: new Uint16Array(1) },
      /dtype toString/,
    ],
  ])("refuses a tensor with %s", (_, tensor, message) => {
    const tensors = new Map([["w", tensor as NamedTensor]]);
    expect(() => writeSafetensors(tensors)).toThrow(
      expect.objectContaining({ name: "FileFormatError", message: expect.stringMatching(message) }),
    );
  });

  it("refuses names and notes that the format cannot hold", () => {
    const named = (name: unknown) =>
      new Map([[name as string, { dtype: "U8", shape: [], data: Uint8Array.of(1) } as const]]);
    expect(() => writeSafetensors(named("a\ud800"))).toThrow(/half of a surrogate pair/);
    expect(() => writeSafetensors(named("__metadata__"))).toThrow(/may be called __metadata__/);
    expect(() => writeSafetensors(named(7))).toThrow(/a name is 7, not a string/i);
    const notes = { epochs: 3 } as unknown as Record<string, string>;
    expect(() => writeSafetensors(new Map(), notes)).toThrow(/epochs is 3, not a string/);
    expect([...readSafetensors(writeSafetensors(named("😀"))).tensors.keys()]).toEqual(["😀"]);
  });
});
