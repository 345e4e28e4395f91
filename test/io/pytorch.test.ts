import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPyTorch } from "../../src/io/pytorch.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { zipEntries } from "../../src/io/zip.js";

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

describe("readPyTorch", () => {
  it.each(["plain.pt", "old.pt", "protocol-4.pt", "kinds.pt", "kinds-old.pt", "nested.pt"])(
    "reads every value of %s as PyTorch has it",
    (name) => {
      const found = plain(readPyTorch(fixture(name)));
      expect(found).toEqual(expected[name]);
      expect(Object.keys(found)).toEqual(Object.keys(expected[name] ?? {}));
      expect(Object.values(found).flatMap(({ data }) => data).length).toBeGreaterThan(40);
    },
  );

  it("finds a state_dict by the key it is told", () => {
    const file = fixture("elsewhere.pt");
    expect(plain(readPyTorch(file, { key: "ema.weights" }))).toEqual(expected["elsewhere.pt"]);
    expect(() => readPyTorch(file)).toThrow(/no state_dict under its keys ema, step; name it/);
    expect(() => readPyTorch(file, { key: "ema.net" })).toThrow(
      /there is no net on the way to ema.net; the keys there are weights/,
    );
    expect(() => readPyTorch(file, { key: "step" })).toThrow(/step holds no tensors/);
  });

  it("runs nothing and names what it would have to run", () => {
    expect(() => readPyTorch(fixture("harmful.pt"))).toThrow(
      /it calls posix.system, .* nothing else/,
    );
    expect(() => readPyTorch(fixture("module.pt"))).toThrow(
      /it calls torch.nn.modules.container.Sequential, .*state_dict\(\)/,
    );
    expect(() => readPyTorch(fixture("complex.pt"))).toThrow(
      /torch.ComplexFloatStorage is not supported; known are torch.FloatStorage/,
    );
  });

  it.each(["plain.pt", "old.pt", "kinds.pt"])("says so when %s is cut off anywhere", (name) => {
    const file = fixture(name);
    for (let length = 0; length < file.length; length += 37) {
      expect(() => readPyTorch(file.subarray(0, length))).toThrow(
        expect.objectContaining({ name: "FileFormatError" }),
      );
    }
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
        expect(error).toMatchObject({ name: "FileFormatError" });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
  });

  it("refuses other files", () => {
    expect(() => readPyTorch(new TextEncoder().encode("weights, honestly"))).toThrow(
      /neither in the zip format nor in the older one/,
    );
  });
});

describe("zipEntries", () => {
  it("reads an archive whose sizes and directory are written in ZIP64", () => {
    const name = [..."a/data.pkl"].map((c) => c.charCodeAt(0));
    const content = [9, 8, 7];
    const u16 = (...values: number[]) => values.flatMap((v) => [v & 255, v >> 8]);
    const u32 = (...values: number[]) =>
      values.flatMap((v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]);
    const u64 = (...values: number[]) => values.flatMap((v) => u32(v, 0));
    const all = 0xffffffff;
    const local = [
      ...u32(0x04034b50),
      ...u16(45, 0, 0, 0, 0),
      ...u32(0, all, all),
      ...u16(name.length, 20),
      ...name,
      ...u16(1, 16),
      ...u64(3, 3),
      ...content,
    ];
    const directory = [
      ...u32(0x02014b50),
      ...u16(45, 45, 0, 0, 0, 0),
      ...u32(0, all, all),
      ...u16(name.length, 28, 0, 0, 0),
      ...u32(0, all),
      ...name,
      ...u16(1, 24),
      ...u64(3, 3, 0),
    ];
    const end = local.length + directory.length;
    const file = Uint8Array.from([
      ...local,
      ...directory,
      ...[...u32(0x06064b50), ...u64(44), ...u16(45, 45), ...u32(0, 0)],
      ...u64(1, 1, directory.length, local.length),
      ...[...u32(0x07064b50, 0), ...u64(end), ...u32(1)],
      ...[...u32(0x06054b50), ...u16(0, 0, 0xffff, 0xffff), ...u32(all, all), ...u16(0)],
    ]);
    const entries = zipEntries(file);
    expect([...entries.keys()]).toEqual(["a/data.pkl"]);
    expect([...(entries.get("a/data.pkl") ?? [])]).toEqual(content);
  });

  it("refuses compressed entries by name", () => {
    const file = fixture("plain.pt").slice();
    const view = new DataView(file.buffer);
    for (let at = 0; at < file.length - 4; at++) {
      if (view.getUint32(at, true) === 0x02014b50) view.setUint16(at + 10, 8, true);
    }
    expect(() => zipEntries(file)).toThrow(/plain\/data.pkl is compressed \(method 8\)/);
  });
});
