import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FileFormatError } from "../../src/io/file-format-error.js";
import { readPyTorch } from "../../src/io/pytorch.js";
import type { StateDict } from "../../src/io/state-dict.js";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../fixtures/pytorch/${name}`, import.meta.url)));

type Expected = Record<string, { dtype: string; shape: number[]; data: number[] }>;
const expected: Record<string, Expected> = JSON.parse(
  readFileSync(new URL("../fixtures/pytorch/expected.json", import.meta.url), "utf8"),
);

const plain = (tensors: StateDict): Expected =>
  Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [...shape], data: Array.from(data, Number) },
    ]),
  );

const typed = expect.objectContaining({ name: "FileFormatError" });

describe("readPyTorch", () => {
  it.each([
    ["plain.pt", ""],
    ["old.pt", ""],
    ["protocol-4.pt", ""],
    ["kinds.pt", ""],
    ["kinds-old.pt", ""],
    ["strided.pt", ""],
    ["nested.pt", "net"],
    ["harmful.pt", "model"],
    ["toolkit.pt", "model"],
    ["toolkit-4.pt", "model"],
    ["toolkit-old.pt", "model"],
    ["acc.pt", "state_dict"],
    ["compiled.pt", "net"],
    ["lightning.pt", "state_dict"],
    ["averaged.pt", ""],
  ])("reads every value of %s as PyTorch has it", (name, key) => {
    const tensors = readPyTorch(fixture(name));
    const found = plain(tensors);
    expect(found).toEqual(expected[name]);
    expect(Object.keys(found)).toEqual(Object.keys(expected[name] ?? {}));
    expect(Object.values(found).flatMap(({ data }) => data).length).toBeGreaterThan(40);
    const legacy = name.endsWith("old.pt");
    const container = legacy ? "legacy" : "zip";
    expect(tensors.origin).toMatchObject({ container, key, others: [], checked: !legacy });
  });

  it("finds a state_dict by the key it is told", () => {
    const file = fixture("elsewhere.pt");
    expect(plain(readPyTorch(file, { key: "ema.weights" }))).toEqual(expected["elsewhere.pt"]);
    expect(() => readPyTorch(file)).toThrow(
      /no state_dict under its keys ema, step; name it with the option key: .* under ema.weights$/,
    );
    expect(() => readPyTorch(file, { key: "ema.net" })).toThrow(
      /there is no net on the way to ema.net; the keys there are weights/,
    );
    expect(() => readPyTorch(file, { key: "step" })).toThrow(/step holds no tensors: it is 3/);
  });

  it("asks which, where tensors lie in the dict itself and beneath it", () => {
    const file = fixture("both.pt");
    expect(() => readPyTorch(file)).toThrow(/itself and under backbone; say which .*key: ""/);
    expect(plain(readPyTorch(file, { key: "backbone" }))).toEqual(expected["both.pt"]);
    const own = readPyTorch(file, { key: "" });
    expect([...own.keys()]).toEqual(["weight"]);
    expect(own.skipped).toEqual(new Map([["backbone", "it is no tensor, but a dict of 9"]]));
  });

  it("takes what wraps a model out of the names, and says so", () => {
    const removed = (name: string) => readPyTorch(fixture(name)).origin.unwrapped;
    expect(removed("nested.pt")).toEqual(["module."]);
    expect(removed("compiled.pt")).toEqual(
      ["module.", "module._orig_mod.", "conv.module."].map((prefix, i) =>
        i < 2 ? prefix : `module._orig_mod.${prefix}`,
      ),
    );
    expect(removed("lightning.pt")).toEqual(["model."]);
    const averaged = readPyTorch(fixture("averaged.pt"));
    expect([...averaged.skipped.keys()]).toEqual(["n_averaged"]);
    const kept = readPyTorch(fixture("compiled.pt"), { wrappers: "keep" });
    expect([...kept.keys()][0]).toBe("module._orig_mod.conv.module.weight");
    expect(() => readPyTorch(fixture("mixed.pt"))).toThrow(
      /some names go on with module. after "" and others do not \(module.conv.weight, head.weight\)/,
    );
    expect(readPyTorch(fixture("mixed.pt"), { wrappers: "keep" }).size).toBe(10);
  });

  it("skips by name what has no array here, and reads the rest", () => {
    const tensors = readPyTorch(fixture("unreadable.pt"));
    expect(plain(tensors)).toEqual(expected["unreadable.pt"]);
    expect(Object.fromEntries(tensors.skipped)).toEqual({
      quantised: "it is quantised",
      sparse: "it is sparse",
      complex: "it is of the type ComplexFloatStorage",
      _extra_state: "it is no tensor, but a dict of 1",
      step: "it is no tensor, but 3",
    });
    expect(() => readPyTorch(fixture("complex.pt"))).toThrow(
      /model holds no tensor that can be read \(a: it is of the type ComplexFloatStorage\)/,
    );
  });

  it("runs nothing, and names what would have to run where it lies on the way", () => {
    expect(() => readPyTorch(fixture("harmful.pt"), { key: "extra" })).toThrow(
      /extra holds no tensors: it is an object of posix.system, which is not run/,
    );
    expect(() => readPyTorch(fixture("toolkit.pt"), { key: "args.lr" })).toThrow(
      /no lr on the way to args.lr; there is an object of argparse.Namespace, which has no keys/,
    );
    expect(() => readPyTorch(fixture("module.pt"))).toThrow(
      /an object of torch.nn.modules.container.Sequential, which is not run; save .*state_dict\(\)/,
    );
  });

  it("knows a TorchScript program before its compression", () => {
    expect(() => readPyTorch(fixture("script.pt"))).toThrow(
      /it is a TorchScript program \(torch.jit.save\).* save model.state_dict\(\)/,
    );
  });

  it.each(["plain.pt", "old.pt", "kinds.pt", "toolkit.pt"])(
    "says so when %s is cut off",
    (name) => {
      const file = fixture(name);
      for (let length = 0; length < file.length; length += 37) {
        expect(() => readPyTorch(file.subarray(0, length))).toThrow(typed);
      }
    },
  );

  it("gives no other values whatever bit of a zip file flips", () => {
    const file = fixture("nested.pt");
    const right = JSON.stringify(plain(readPyTorch(file)));
    const wrong: number[] = [];
    let refused = 0;
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      try {
        if (JSON.stringify(plain(readPyTorch(damaged))) !== right) wrong.push(at);
      } catch (error) {
        if (!(error instanceof FileFormatError)) throw error;
        refused++;
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(1000);
  });

  it("fails in an orderly way on damaged bytes", () => {
    const file = fixture("old.pt");
    let refused = 0;
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x5b;
      try {
        readPyTorch(damaged);
      } catch (error) {
        if (!(error instanceof FileFormatError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
  });

  it("refuses other files, by their name where it is told", () => {
    const other = new TextEncoder().encode("weights, honestly");
    expect(() => readPyTorch(other, { file: "a/b.pt" })).toThrow(
      /^a\/b.pt: PyTorch file: it is neither in the zip format nor in the older one/,
    );
    const wrong = { wrappers: "off" as "keep" };
    expect(() => readPyTorch(other, wrong)).toThrow(/wrappers is off, expected "remove" or "keep"/);
    expect(() => readPyTorch(other, { memory: -1 })).toThrow(/memory is -1, expected a number/);
    expect(() => readPyTorch(new ArrayBuffer(8) as unknown as Uint8Array)).toThrow(
      /expected the file's bytes as a Uint8Array, got \[object ArrayBuffer\]/,
    );
  });
});
