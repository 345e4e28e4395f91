import { describe, expect, it } from "vitest";
import { readPyTorch } from "../../src/io/pytorch.js";
import { floats, u16, u32 } from "../support/bytes.js";
import {
  pickle,
  type TensorMaking,
  tensorPickle,
  torchLegacy,
  torchZip,
} from "../support/torch-file.js";

const { build, dict, get, global, int, list, mark, none, put, reduce, string, tuple } = pickle;

/** A state_dict of one tensor, "w", as a program. */
const oneTensor = (making: TensorMaking) =>
  pickle.program(dict([string("w"), tensorPickle(making)]));
const refused = (message: RegExp) =>
  expect.objectContaining({ name: "FileFormatError", message: expect.stringMatching(message) });

describe("types that PyTorch 1.13 does not have yet", () => {
  const zip = (dtype: string, bytes: number[], size = 1) =>
    torchZip(
      oneTensor({
        ...{ shape: [bytes.length / size], storage: "UntypedStorage", count: bytes.length, dtype },
      }),
      { 0: bytes },
    );
  // PyTorch: torch.tensor(bytes, dtype=torch.uint8).view(dtype).float()
  it.each<[string, number[], number[]]>([
    [
      "float8_e4m3fn",
      [0x38, 0x7e, 0x7f, 0x01, 0xb4, 0x80],
      [1, 448, Number.NaN, 2 ** -9, -0.75, -0],
    ],
    [
      "float8_e5m2",
      [0x3c, 0x7b, 0x7c, 0xfd, 0x01, 0xbd],
      [1, 57344, Infinity, NaN, 2 ** -16, -1.25],
    ],
    ["float8_e4m3fnuz", [0x40, 0x7f, 0x80, 0x01, 0xc4], [1, 240, Number.NaN, 2 ** -10, -1.5]],
    ["float8_e5m2fnuz", [0x40, 0x7f, 0x80, 0x01, 0xc2], [1, 57344, Number.NaN, 2 ** -17, -1.5]],
    ["float8_e8m0fnu", [127, 0, 254, 255], [1, 2 ** -127, 2 ** 127, Number.NaN]],
  ])("reads %s", (dtype, bytes, right) => {
    expect([...(readPyTorch(zip(dtype, bytes)).get("w")?.data ?? [])]).toEqual(right);
  });

  it("reads unsigned integers, and skips a dtype by name that it does not know", () => {
    const words = [...u16(65535, 7)];
    const w = { dtype: "U16", shape: [2], data: Uint16Array.of(65535, 7) };
    expect(readPyTorch(zip("uint16", words, 2)).get("w")).toEqual(w);
    const two = pickle.program(
      dict(
        [string("w"), tensorPickle({ shape: [1] })],
        [
          string("v"),
          tensorPickle({
            shape: [1],
            key: "1",
            storage: "UntypedStorage",
            dtype: "float4_e2m1fn_x2",
          }),
        ],
      ),
    );
    const tensors = readPyTorch(torchZip(two, { 0: floats(2.5), 1: [0] }));
    expect([...tensors.keys()]).toEqual(["w"]);
    expect([...tensors.skipped]).toEqual([["v", "it is of the type torch.float4_e2m1fn_x2"]]);
  });
});

describe("hostile PyTorch files", () => {
  it.each<[string, TensorMaking, RegExp]>([
    [
      "a shape beyond numbers",
      { shape: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1], count: 2 },
      /lie in/,
    ],
    ["more dimensions than PyTorch", { shape: new Array(65).fill(1) }, /\[1, 1, .* damaged/],
    ["fewer strides", { shape: [2, 1], strides: [1] }, /shape \[2, 1\] and strides \[1\]/],
    ["a negative size", { shape: [-2], count: 2 }, /shape \[-2\]/],
    ["a negative stride", { shape: [2], strides: [-1], offset: 1 }, /strides \[-1\]/],
    [
      "an offset beyond the end",
      { shape: [2], offset: 1 },
      /from value 1 does not lie in its storage/,
    ],
    ["strides beyond the end", { shape: [2], strides: [2] }, /does not lie in its storage of 2/],
    ["a storage too short", { shape: [3] }, /data\/0 has 8 bytes, 3 values take 12/],
    [
      "a storage that is missing",
      { shape: [2], key: "5" },
      /it has no a\/data\/5; it holds a\/data/,
    ],
    [
      "2^30 values from one",
      { shape: [2 ** 30], strides: [0], count: 2 },
      /over \d+ bytes of memory/,
    ],
  ])("refuses a tensor with %s", (_, making, message) => {
    expect(() => readPyTorch(torchZip(oneTensor(making), { 0: floats(1, 2) }))).toThrow(
      refused(message),
    );
  });

  it("reads a shape with a 0 however large it is", () => {
    const shape = [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 0];
    const file = torchZip(oneTensor({ shape, count: 0 }), { 0: [] });
    expect(readPyTorch(file).get("w")).toEqual({ dtype: "F32", shape, data: new Float32Array(0) });
  });

  it("bounds what thousands of tensors over one storage take", () => {
    const count = 50_000;
    const tensor = tensorPickle({ shape: [count] });
    const names = Array.from({ length: 400 }, (_, i) => string(`w${i}`));
    const file = torchZip(
      pickle.program(
        dict(
          [names[0] as number[], [...tensor, ...put(0)]],
          ...names.slice(1).map((name): [number[], number[]] => [name, get(0)]),
        ),
      ),
      { 0: new Uint8Array(4 * count) },
    );
    expect(file.length).toBeLessThan(250_000);
    // 400 times 200,000 bytes are 80 MB; the file and its budget are 0.25 and 68 MB.
    expect(() => readPyTorch(file)).toThrow(refused(/w\d+ would take .* of memory/));
    expect(readPyTorch(file, { memory: 1e8 }).size).toBe(400);
  });

  it.each<[string, number[], RegExp]>([
    [
      "a mark as a key",
      [0x7d, ...mark, ...mark, ...put(0), 0x30, ...get(0), ...none, 0x75],
      /empty stack/,
    ],
    ["five bytes", [0x28, 0x80, 2], /empty stack|ends with 0/],
    ["a dict of nested tuples as keys", nestedKeys(5000), /keys a list of 1/],
    ["a storage named by a number", list([...tuple(int(1)), 0x51]), /no storage, but a list of 1/],
    [
      "a storage with two sizes",
      dict(
        [string("a"), tensorPickle({ shape: [1] })],
        [string("b"), tensorPickle({ shape: [2] })],
      ),
      /storage 0 is named with two types or sizes/,
    ],
    [
      "a tensor without storage",
      reduce(global("torch._utils", "_rebuild_tensor_v2"), none, int(0), tuple(), tuple()),
      /a tensor's storage is None/,
    ],
    ["a list", list(int(1)), /no dict of tensors, but a list of 1; save/],
    [
      "a model under a usual key",
      dict([string("model"), build(reduce(global("nets", "Net")), dict())]),
      /model is an object of nets.Net, which is not run; save model.state_dict\(\)/,
    ],
  ])("refuses %s", (_, object, message) => {
    const file = torchZip(pickle.program(object), { 0: floats(1) });
    expect(() => readPyTorch(file)).toThrow(refused(message));
  });

  it("refuses a program that goes on after its end, and two of them", () => {
    const program = oneTensor({ shape: [1] });
    const storages = { 0: floats(1) };
    expect(() => readPyTorch(torchZip([...program, 0], storages))).toThrow(
      refused(/goes on after/),
    );
    const more = [{ name: "b/data.pkl", content: program }];
    expect(() => readPyTorch(torchZip(program, storages, { more }))).toThrow(
      refused(/the archive has 2 files data.pkl/),
    );
    const big = [{ name: "a/byteorder", content: [...new TextEncoder().encode("big")] }];
    expect(() => readPyTorch(torchZip(program, storages, { more: big }))).toThrow(
      refused(/big-endian/),
    );
  });
});

describe("the format before PyTorch 1.6", () => {
  const program = oneTensor({ shape: [2], strides: [1] });

  it("reads a tensor", () => {
    const tensors = readPyTorch(torchLegacy(program, { 0: [2, floats(1.5, -2)] }));
    expect(tensors.get("w")?.data).toEqual(Float32Array.of(1.5, -2));
    expect(tensors.origin).toMatchObject({ container: "legacy", checked: false });
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      "without the storage's values",
      torchLegacy(program),
      /values of storage 0 are not in the file/,
    ],
    ["a storage cut off", torchLegacy(program, { 0: [2, floats(1)] }), /8 bytes are expected/],
    ["another count", torchLegacy(program, { 0: [1, floats(1)] }), /shall have 2 values, 1 are/],
    [
      "a storage of no tensor",
      torchLegacy(program, { 7: [2, floats(1, 2)] }),
      /no tensor uses .* 7/,
    ],
    [
      "bytes at the end",
      torchLegacy(program, { 0: [2, floats(1, 2, 3)] }),
      /4 bytes follow the last/,
    ],
    ["a count beyond files", torchLegacy(program, { 0: [2 ** 53, []] }), /beyond any file/],
    [
      "a storage of an unknown type",
      unknownStorage(),
      /storage 0 is OddStorage, of a size that is/,
    ],
    ["another pickle", Uint8Array.from(pickle.program(int(7))), /another pickle, .* begins with 7/],
    ["half a pickle", Uint8Array.of(0x80, 2, 0x5d), /neither in the zip format nor in the older/],
  ])("refuses %s", (_, file, message) => {
    expect(() => readPyTorch(file)).toThrow(refused(message));
  });

  it("keeps an unknown type's name from costing a zip file anything but that name", () => {
    const two = pickle.program(
      dict(
        [string("w"), tensorPickle({ shape: [1] })],
        [string("v"), tensorPickle({ shape: [1], key: "1", storage: "OddStorage" })],
      ),
    );
    const tensors = readPyTorch(torchZip(two, { 0: floats(3), 1: [...u32(1)] }));
    expect(Object.fromEntries(tensors.skipped)).toEqual({ v: "it is of the type OddStorage" });
  });
});

function unknownStorage(): Uint8Array {
  return torchLegacy(oneTensor({ shape: [1], storage: "OddStorage" }), { 0: [1, [0]] });
}

/** A tuple in a tuple ... as a dict's key, which a message must not follow inwards. */
function nestedKeys(depth: number): number[] {
  return [0x7d, 0x29, ...new Array(depth).fill(0x85), ...none, 0x73];
}
