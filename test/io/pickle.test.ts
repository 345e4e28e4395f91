import { describe, expect, it } from "vitest";
import { readPickle } from "../../src/io/pickle.js";
import { Global, Opaque } from "../../src/io/pickle-values.js";
import { ReadBudget } from "../../src/io/read-budget.js";
import { text, u32, u64 } from "../support/bytes.js";
import { pickle } from "../support/torch-file.js";

function read(program: readonly number[], memory?: number): unknown {
  const bytes = Uint8Array.from(program);
  const handlers = { call: () => undefined, persistent: (id: unknown) => id };
  return readPickle(bytes, 0, handlers, new ReadBudget(bytes.length, memory)).value;
}
const value = (...parts: number[][]) => read(pickle.program(...parts));
const { dict, get, global, int, list, mark, newObject, none, put, reduce, string, tuple } = pickle;

describe("readPickle", () => {
  it("reads the plain data of protocols 2 to 5", () => {
    expect(value(list([0x8a, 2, 0, 0x80], [0x8b, ...u32(1), 5], [0x8a, 0]))).toEqual([
      -32768, 5, 0,
    ]);
    expect(value([0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1])).toBe(2n ** 64n);
    expect(value([0x8c, 3, ...text("aé")])).toBe("aé");
    expect(value([0x8d, ...u64(1), 0x7a])).toBe("z");
    expect(value([0x55, 1, 0x7a])).toBe("z");
    expect(value([0x55, 1, 0xff])).toEqual(Uint8Array.of(255));
    expect(value([0x43, 2, 1, 2])).toEqual(Uint8Array.of(1, 2));
    expect(value([0x8e, ...u64(1), 7])).toEqual(Uint8Array.of(7));
    expect(value([0x28, ...int(1), ...int(1), ...int(2), 0x91])).toEqual(new Set([1, 2]));
    expect(value([0x8f, 0x28, ...int(3), 0x90])).toEqual(new Set([3]));
    expect(value(dict([string("a"), tuple(none, [0x88])]))).toEqual(new Map([["a", [null, true]]]));
    expect(value(list(int(1)), [0x32, 0x86])).toEqual([[1], [1]]);
    expect(value(mark, int(4), [0x31], int(5))).toBe(5);
    expect(value(mark, [0x30], int(6))).toBe(6);
  });

  it("makes placeholders of unknown objects, and passes over what is set on them", () => {
    const made = newObject(global("argparse", "Namespace"));
    const filled = pickle.build(made, dict([string("lr"), int(1)]));
    expect(value(filled)).toEqual(new Opaque("argparse.Namespace"));
    expect(value(made, mark, string("k"), int(1), [0x75])).toEqual(
      new Opaque("argparse.Namespace"),
    );
    expect(value(made, mark, int(1), [0x65])).toEqual(new Opaque("argparse.Namespace"));
    expect(value(made, mark, int(1), [0x90])).toEqual(new Opaque("argparse.Namespace"));
    // What a placeholder returns when it is called is one as well.
    const call = reduce(global("os", "system"), string("rm"));
    expect(value(reduce(call, int(1)))).toEqual(new Opaque("os.system"));
    expect(value(global("os", "system"))).toEqual(new Global("os.system"));
    const named = [...global("a", "B"), ...tuple(), ...dict([string("x"), int(1)]), 0x92];
    expect(value(named)).toEqual(new Opaque("a.B"));
  });

  it.each<[string, number[][], RegExp]>([
    ["a mark as a key", [[0x7d], mark, mark, put(0), [0x30], get(0), none, [0x75]], /empty stack/],
    ["a mark as a value", [list(), mark, [0x61]], /empty stack/],
    ["a mark called", [mark, tuple(), [0x52]], /empty stack/],
    ["a mark built", [mark, none, [0x62]], /empty stack/],
    ["a key without a value", [[0x7d], mark, int(1), [0x75]], /a key without a value/],
    ["items of a list", [list(), int(1), int(2), [0x73]], /items of what is no dict/],
    ["an append to a dict", [[0x7d], int(1), [0x61]], /appends to what is no list/],
    ["an addition to a list", [list(), mark, [0x90]], /adds to what is no set/],
    ["a number called", [int(1), tuple(), [0x52]], /calls what is no global/],
    ["a call with a dict", [global("a", "b"), [0x7d], [0x52]], /with what is no tuple/],
    ["attributes of a number", [int(1), none, [0x62]], /attributes of what is no object/],
    ["a name of lists", [list(), list(), [0x93]], /names a global by what is no text/],
    ["a name that is no text", [[0x63, 0xff, 10, 0x61, 10]], /by what is no text/],
    ["a memo that is empty", [get(3)], /recalls value 3/],
    ["no value", [], /ends with 0 values|empty/],
    ["two values", [none, none], /ends with 2 values/],
    ["a long integer", [[0x8b, ...u32(257)], new Array(257).fill(1)], /integer of 257 bytes/],
    ["an endless text", [[0x8d, ...u64(2 ** 53)]], /beyond any file/],
    ["a text beyond the end", [[0x58, ...u32(2 ** 31)]], /2147483648 bytes are expected at byte 7/],
    ["an opcode of protocol 0", [[0x49, 0x31, 10]], /opcode 0x49 at byte 2/],
  ])("refuses %s", (_, parts, message) => {
    expect(() => value(...parts)).toThrow(
      expect.objectContaining({ name: "FileFormatError", message: expect.stringMatching(message) }),
    );
  });

  it("refuses doubled lists as a name at once, whatever their depth", () => {
    for (const depth of [9, 22, 60]) {
      const doubled = Array.from({ length: depth }, () => [0x5d, ...get(0), 0x61, ...get(0), 0x61]);
      const program = [[0x5d], put(0), ...doubled.map((step) => [...step, ...put(0)]), get(0)];
      expect(() => value(...program, get(0), [0x93])).toThrow(/by what is no text/);
    }
  });

  it("charges values that take more memory than bytes", () => {
    const dicts = (count: number) => [
      ...[0x80, 2, 0x28],
      ...new Array(count).fill(0x7d),
      0x74,
      0x2e,
    ];
    expect(read(dicts(10_000))).toHaveLength(10_000);
    expect(() => read(dicts(10_000), 1e6)).toThrow(/a pickle would take .* over 1000000 bytes/);
    expect(() => read(dicts(400_000))).toThrow(/allow more with the option "memory"/);
    expect(() => new ReadBudget(10, Number.NaN)).toThrow(/memory is NaN, expected a number/);
  });

  it("counts steps, so that no small file takes long", () => {
    const budget = new ReadBudget(0);
    expect(() => budget.step(2 ** 26)).not.toThrow();
    expect(() => budget.step()).toThrow(/takes more than 67108864 steps/);
  });
});
