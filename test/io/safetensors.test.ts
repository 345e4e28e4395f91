import { describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.js";
import type { NamedTensor, StateDict } from "../../src/io/state-dict.js";

/** A file from a header and values, with nothing of the writer in it. */
function fileOf(header: unknown, values: readonly number[], announced?: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const length = announced ?? text.length;
  const prefix = [0, 8, 16, 24].map((shift) => (length >>> shift) & 255);
  const json = [...text].map((character) => character.charCodeAt(0));
  return Uint8Array.from([...prefix, 0, 0, 0, 0, ...json, ...values]);
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
    ["dtype", fileOf({ w: entry("F8_E4M3", [1], 0, 1) }, [0]), /w has dtype F8_E4M3; supported/],
    ["inherited dtype", fileOf({ w: entry("toString", [1], 0, 1) }, [0]), /w has dtype toString/],
    ["shape", fileOf({ w: entry("U8", [-1], 0, 1) }, [0]), /shape of w is \[-1\]/],
    ["offsets", fileOf({ w: entry("U8", [1], 2, 1) }, [0]), /data_offsets of w are \[2,1\]/],
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
  ])("refuses a file with a bad header: %s", (_, file, message) => {
    expect(() => readSafetensors(file)).toThrow(message);
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

  it("refuses a tensor whose values do not fill its shape", () => {
    const data = new Float32Array(5);
    expect(() => writeSafetensors(new Map([["w", { dtype: "F32", shape: [2, 3], data }]]))).toThrow(
      /w has 5 values for the shape \[2, 3\]/,
    );
  });
});
