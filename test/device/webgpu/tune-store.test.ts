import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  storedChoices,
  TuneStoreError,
  withChoices,
} from "../../../src/device/webgpu/tune-store.js";
import { fileTuneStore } from "../../../src/device/webgpu/tune-store-file.js";
import { indexedDbTuneStore } from "../../../src/device/webgpu/tune-store-indexeddb.js";
import { runProgram } from "../../support/child.js";

describe("the text in a store", () => {
  const text = withChoices(null, "a card", "00c0ffee", { "matmul nn 8x8": "tile64", other: "x" });

  test("gives an adapter its choices, and takes more", () => {
    expect(storedChoices(text, "a card", "00c0ffee")).toEqual({
      choices: { "matmul nn 8x8": "tile64", other: "x" },
      stale: 0,
    });
    expect(storedChoices(text, "another card", "00c0ffee")).toEqual({ choices: {}, stale: 0 });
    const more = withChoices(text, "a card", "00c0ffee", { other: "y", third: "z" });
    expect(storedChoices(more, "a card", "00c0ffee").choices).toEqual({
      ...{ "matmul nn 8x8": "tile64", other: "y", third: "z" },
    });
  });

  test("counts the choices of other kernels, until new ones push them out", () => {
    const both = withChoices(text, "a second card", "00c0ffee", { other: "y" });
    expect(storedChoices(both, "a card", "deadbeef")).toEqual({ choices: {}, stale: 2 });
    const renewed = withChoices(both, "a card", "deadbeef", { third: "z" });
    expect(storedChoices(renewed, "a card", "deadbeef")).toEqual({
      choices: { third: "z" },
      stale: 0,
    });
    expect(storedChoices(renewed, "a second card", "00c0ffee").choices).toEqual({ other: "y" });
  });

  test.each([
    ["no text", null],
    ["half a text", text.slice(0, 50)],
    ["a list", "[1, 2]"],
    ["null", "null"],
    ["choices as they were kept before they had a code", '{"a card": {"matmul nn 8x8": "tile64"}}'],
    ["an entry that is none", '{"a card": {"kernels": "00c0ffee", "choices": ["tile64"]}}'],
  ])("%s counts as empty", (_, broken) => {
    const none = { choices: {}, stale: 0 };
    expect(storedChoices(broken, "a card", "00c0ffee")).toEqual(none);
    const mended = withChoices(broken, "a card", "00c0ffee", { third: "z" });
    expect(storedChoices(mended, "a card", "00c0ffee").choices).toEqual({ third: "z" });
  });

  test("choices that are no names are left out", () => {
    const mixed = '{"a card": {"kernels": "00c0ffee", "choices": {"other": 3, "third": "z"}}}';
    expect(storedChoices(mixed, "a card", "00c0ffee").choices).toEqual({ third: "z" });
  });
});

describe("a file of choices", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "shiftgrad-tuned-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("is made with its folder, and read again", async () => {
    const path = join(folder, "cache", "tuned.json");
    const store = fileTuneStore(path);
    expect(await store.load()).toBeNull();
    await store.update((kept) => `${kept} and a line`);
    await store.update((kept) => `${kept} and another`);
    expect(await fileTuneStore(path).load()).toBe("null and a line and another");
    expect(await readdir(join(folder, "cache"))).toEqual(["tuned.json"]);
  });

  test("loses nothing where processes update it at once", async () => {
    const path = join(folder, "tuned.json");
    const program = (name: string) => `
      import { fileTuneStore } from "./src/device/webgpu/tune-store-file.js";
      import { withChoices } from "./src/device/webgpu/tune-store.js";
      const store = fileTuneStore(${JSON.stringify(path)});
      for (let i = 0; i < 40; i++) {
        await store.update((text) => withChoices(text, "card", "00", { ["${name} " + i]: "x" }));
      }`;
    const names = ["one", "two", "three"];
    const runs = await Promise.all(names.map((name) => runProgram(program(name))));
    for (const run of runs) expect(run).toMatchObject({ code: 0, stderr: "" });
    const { choices } = storedChoices(await readFile(path, "utf8"), "card", "00");
    expect(Object.keys(choices)).toHaveLength(120);
  });

  test("loses nothing where its holder sleeps, however long", async () => {
    const path = join(folder, "tuned.json");
    // To others it looks as if it had slept for long.
    const holder = runProgram(`
      import { readdirSync, utimesSync } from "node:fs";
      import { fileTuneStore } from "./src/device/webgpu/tune-store-file.js";
      await fileTuneStore(${JSON.stringify(path)}).update((text) => {
        for (const name of readdirSync(${JSON.stringify(folder)}, { recursive: true }))
          utimesSync(${JSON.stringify(`${folder}/`)} + name, 1, 1);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
        return text + "sleeper";
      });`);
    await expect.poll(() => readdir(folder), { timeout: 20_000 }).toContain("tuned.json.lock");
    await fileTuneStore(path).update((text) => `${text} and other`);
    expect(await holder).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(path, "utf8")).toBe("nullsleeper and other");
  });

  test("takes over the lock of a process that died, and gives its own back on failure", async () => {
    const path = join(folder, "tuned.json");
    await writeFile(`${path}.lock`, "half");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(`${path}.lock`, longAgo, longAgo);
    const store = fileTuneStore(path);
    await store.update(() => "whole");
    const failing = store.update(() => {
      throw new Error("no new text");
    });
    await expect(failing).rejects.toThrow("no new text");
    expect(await store.load()).toBe("whole");
    expect(await readdir(folder)).toEqual(["tuned.json"]);
  });

  test("says so when it cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(fileTuneStore(join(folder, "file", "x")).update(() => "")).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
  });
});

// What a database does is tested where there is one, in test/browser/tune-store.test.ts.
describe("IndexedDB that cannot be used", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("is an error that names what to use", () => {
    expect(() => indexedDbTuneStore()).toThrow(TuneStoreError);
    expect(() => indexedDbTuneStore()).toThrow("no IndexedDB here; in Node use fileTuneStore");
  });

  test("rejects with the browser's reason where that refuses to open a database", async () => {
    const open = () => {
      throw new DOMException("access is denied for this document", "SecurityError");
    };
    vi.stubGlobal("indexedDB", { open });
    const message =
      'the IndexedDB database "x" cannot be opened: SecurityError: access is denied for this ' +
      "document; tune without a store";
    await expect(indexedDbTuneStore("x").load()).rejects.toThrow(message);
    await expect(indexedDbTuneStore("x").update(() => "")).rejects.toThrow(TuneStoreError);
  });
});
