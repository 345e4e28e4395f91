import { describe, expect, it } from "vitest";
import { ReadBudget } from "../../src/io/read-budget.js";
import { unwrapNames } from "../../src/io/wrapper-names.js";

const unwrap = (names: readonly string[], outermost?: string) =>
  unwrapNames(names, {}, new ReadBudget(1000), outermost);

describe("unwrapNames", () => {
  it.each<[string, string[], string[], string[]]>([
    ["DataParallel", ["module.a.w", "module.b"], ["a.w", "b"], ["module."]],
    [
      "both",
      ["_orig_mod.module.a", "_orig_mod.module.b"],
      ["a", "b"],
      ["_orig_mod.", "_orig_mod.module."],
    ],
    [
      "a part of the model",
      ["features.module.0.w", "features.module.1.w", "fc._orig_mod.w"],
      ["features.0.w", "features.1.w", "fc.w"],
      ["features.module.", "fc._orig_mod."],
    ],
    ["a parameter's own name", ["a.module", "b._orig_mod"], ["a.module", "b._orig_mod"], []],
    ["a module among others", ["a.module.w", "a.other.w"], ["a.module.w", "a.other.w"], []],
    ["longer words", ["modules.a", "my_module.b"], ["modules.a", "my_module.b"], []],
    ["nothing", [], [], []],
    ["empty parts", ["module..w", "module.."], [".w", "."], ["module."]],
  ])("takes off what wraps: %s", (_, names, right, removed) => {
    expect(unwrap(names)).toEqual({ names: right, removed });
  });

  it("takes a further wrapper off the whole model only", () => {
    expect(unwrap(["model.a", "model.b.model.c"], "model").names).toEqual(["a", "b.model.c"]);
    expect(unwrap(["model.a", "model.b"]).names).toEqual(["model.a", "model.b"]);
    expect(unwrap(["model.a", "loss.w"], "model").names).toEqual(["model.a", "loss.w"]);
  });

  it.each([
    ["module beside others", ["module.a", "b"]],
    ["_orig_mod beside others", ["_orig_mod.a", "b"]],
    ["_orig_mod beside others, inside", ["x._orig_mod.a", "x.b"]],
    ["the same name with and without", ["module.a", "a"]],
    ["the two in either order", ["module._orig_mod.a", "_orig_mod.a"]],
  ])("refuses %s", (_, names) => {
    expect(() => unwrap(names)).toThrow(
      expect.objectContaining({
        name: "FileFormatError",
        message: expect.stringMatching(/option wrappers: "keep"/),
      }),
    );
  });

  it("does not follow a name of a million parts", () => {
    const deep = "module.".repeat(1_000_000);
    const { names } = unwrap([`${deep}w`]);
    expect(names[0]).toBe(`${"module.".repeat(1_000_000 - 32)}w`);
  });
});
