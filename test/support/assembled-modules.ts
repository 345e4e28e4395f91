import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { VariantMap } from "../../src/device/choices.js";
import type { Device } from "../../src/device/device.js";
import { type KernelCalls, type KernelName, kernels } from "../../src/device/kernels.js";
import type { Slice, Storage } from "../../src/device/storage.js";
import { forcedVariants } from "../../src/device/webgpu/forced-variants.js";
import type {
  AdapterTraits,
  Constants,
  Dispatch,
  Shader,
} from "../../src/device/webgpu/lowering.js";
import { VariantChoices } from "../../src/device/webgpu/variant-choices.js";
import { kernelCases } from "../../src/kernel-check/cases/index.js";
import type { CaseOf } from "../../src/kernel-check/cases/table.js";
import { Draw } from "../../src/kernel-check/draw.js";
import { HalfArray } from "../../src/kernel-check/half-array.js";
import { enqueueUnfilled } from "../../src/kernel-check/run-kernel.js";

const core: AdapterTraits = {
  ...{ features: new Set<string>(), software: false, itemsPerLane: 4, maxWorkgroups: 65_535 },
  ...{ maxWorkgroupStorageBytes: 16_384, maxWorkgroupInvocations: 256 },
  ...{ subgroupSize: 0, subgroupMatrices: [] },
};

/** Adapters that lead to other modules: core WebGPU, a graphics card, a processor's adapter. */
const adapters: readonly AdapterTraits[] = [
  core,
  {
    ...{ ...core, features: new Set(["shader-f16", "subgroups"]), subgroupSize: 32 },
    ...{ maxWorkgroupStorageBytes: 49_152, maxWorkgroupInvocations: 1024 },
    subgroupMatrices: ["f16 16x16x16", "f16 8x8x8"],
  },
  {
    ...{ ...core, features: new Set(["shader-f16", "subgroups"]), subgroupSize: 8 },
    ...{ maxWorkgroupStorageBytes: 32_768, maxWorkgroupInvocations: 1024 },
    ...{ software: true, itemsPerLane: 16 },
  },
];

/** Operands of the right sizes and types; nothing is computed with them. */
class Sizes extends Draw {
  override floats(length: number): Float64Array {
    return new Float64Array(length);
  }
  override ties(length: number): Float64Array {
    return this.store(new Float64Array(length));
  }
  override words(length: number): Uint32Array {
    return new Uint32Array(length);
  }
  override integers(length: number): Uint32Array {
    return new Uint32Array(length);
  }
  override store(values: Float64Array): Float64Array {
    return this.stored === "f16" ? new HalfArray(values.length) : values;
  }
}

const storageOf = (bytes: number, label: string): Storage => ({
  ...{ bytes, label, live: true, kept: true, writes: undefined },
});

/** What a kernel's call dispatches on an adapter. */
function dispatchesOf<K extends KernelName>(
  kernel: K,
  build: CaseOf<K>,
  on: { traits: AdapterTraits; variants: VariantChoices; stored: "f32" | "f16" },
): Dispatch[] {
  const dispatches: Dispatch[] = [];
  const gpu = {
    ...{ ...on.traits, variants: on.variants },
    scratch: (length: number): Slice => ({ storage: storageOf(4 * length, ""), offset: 0, length }),
    dispatch: (dispatch: Dispatch) => void dispatches.push(dispatch),
  };
  const device: Pick<Device, "allocate" | "run" | "scope"> = {
    allocate: storageOf,
    scope: () => ({ [Symbol.dispose]() {} }) as ReturnType<Device["scope"]>,
    run: <N extends KernelName>(name: N, call: KernelCalls[N]) => kernels[name].webgpu(gpu, call),
  };
  enqueueUnfilled(device as Device, kernel, build(new Sizes(on.stored, "sizes")));
  return dispatches;
}

/** The modules that a kernel's calls are assembled to: shader texts, each with its sets of constants. */
function modulesOf<K extends KernelName>(kernel: K): Map<Shader["text"], Set<string>> {
  const modules = new Map<string, Set<string>>();
  const name = (shader: Shader, constants: Constants): void => {
    const entry = shader.entry ? ` fn ${shader.entry}` : "";
    const of = `${shader.name}${entry}${(shader.enables ?? []).map((e) => ` (${e})`).join("")}\n${shader.text}`;
    const sets = modules.get(of) ?? new Set();
    sets.add(
      Object.entries(constants)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    );
    modules.set(of, sets);
  };
  const cases: readonly CaseOf<K>[] = kernelCases[kernel];
  for (const traits of adapters) {
    const halves = traits.features.has("shader-f16");
    for (const stored of halves ? (["f32", "f16"] as const) : (["f32"] as const)) {
      const pass = (variants: VariantMap): boolean => {
        const choices = new VariantChoices(variants);
        const all = choices.observe(() => {
          for (const build of cases) {
            const dispatches = dispatchesOf(kernel, build, { traits, variants: choices, stored });
            for (const { shader, constants = {} } of dispatches) name(shader, constants);
          }
        });
        return all.length > 0;
      };
      if (!pass({})) continue;
      for (const { variants, types } of forcedVariants({ traits })) {
        if (types.includes(stored)) pass(variants);
      }
    }
  }
  return modules;
}

const folder = join(import.meta.dirname, "../../shaders");
const pieces = readdirSync(folder)
  .filter((name) => name.endsWith(".wgsl"))
  .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }))
  .sort((a, b) => b.text.length - a.text.length);

/** One kind of module: what it is joined from, in order, and the constants it comes with. */
interface Kind {
  readonly title: string;
  readonly parts: readonly string[];
  readonly constants: ReadonlySet<string>;
}

/** Cuts a shader's text into files of `shaders/`, as "<name>", and declarations that are generated. */
function partsOf(text: string): string[] {
  let rest = text;
  for (const { name, text: piece } of pieces) rest = rest.replace(piece, `<${name}>\n`);
  const parts: string[] = [];
  let kind = "";
  for (const line of rest.split("\n").filter((l) => l.trim() !== "")) {
    const [start = ""] = /^(<|alias|@group|struct|fn|const|var)/.exec(line) ?? [];
    const list = start === "alias" || start === "@group";
    if (start !== "" && !(list && start === kind)) parts.push(line);
    else parts.push(`${parts.pop()}\n${line}`);
    if (start !== "") kind = start;
  }
  return parts;
}

/**
 * A kernel's modules as a text that shows in a diff what a change does to them: which files of
 * `shaders/` each is joined from, in order; what is generated; and the constants before it, a line for
 * each module. Files and what several modules share are listed above, with their hashes.
 */
export function describeModules(kernel: KernelName): string {
  const kinds = [...modulesOf(kernel)].map(([of, constants]): Kind => {
    const [title = "", ...text] = of.split("\n");
    return { title, parts: partsOf(text.join("\n")), constants };
  });
  const uses = new Map<string, number>();
  for (const part of kinds.flatMap(({ parts }) => parts)) uses.set(part, (uses.get(part) ?? 0) + 1);
  const files = pieces.filter(({ name }) => uses.has(`<${name}>`));
  const shared = [...uses].filter(([part, count]) => !part.startsWith("<") && count > 1);
  const names = new Map(shared.map(([part]) => [part, `<${fnv1a(part)}>`]));
  const lines = (part: string): string => part.replace(/^/gm, "  | ");
  const sections = [
    files
      .map(({ name, text }) => `<${name}> ${fnv1a(text)}`)
      .sort()
      .join("\n"),
    ...[...names].map(([part, name]) => `${name}\n${lines(part)}`).sort(),
    ...kinds.map(({ title, parts, constants }) => describe(title, parts, constants, names)).sort(),
  ];
  return `${sections.join("\n\n")}\n`;
}

function describe(
  title: string,
  parts: readonly string[],
  constants: ReadonlySet<string>,
  names: ReadonlyMap<string, string>,
): string {
  const body: string[] = [];
  for (const part of parts) {
    const name = part.startsWith("<") ? part : names.get(part);
    const last = body.at(-1);
    if (!name) body.push(part.replace(/^/gm, "  | "));
    else if (last?.startsWith("  <")) body.push(`${body.pop()} ${name}`);
    else body.push(`  ${name}`);
  }
  const sets = [...constants].sort().map((set) => `  with ${set || "no constants"}`);
  return [title, ...body, ...sets].join("\n");
}

function fnv1a(text: string): string {
  let value = 0x811c9dc5;
  for (const unit of Buffer.from(text)) value = Math.imul(value ^ unit, 0x01000193);
  return (value >>> 0).toString(16).padStart(8, "0");
}
