// What to run on a machine with a graphics card: node scripts/card.mjs OUT [options], see --help.
// It needs Node, the `webgpu` package and the bundles (npm run build, npm run build:bench), no npm.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { outcome, runSteps } from "./steps.mjs";

const help = `node scripts/card.mjs OUT [options] [-- options of train]

Runs, on the WebGPU adapter that is there, and leaves all of it in the folder OUT:
  device    limits and measured peaks
  check     every kernel in every variant against the CPU device
  tune      the GEMMs and convolutions of a ResNet-18 step; choices go to OUT/tuned.json
  profile   GPU time of every kernel of the step beside the roofline
  bench     the step, a large matrix product and the kernels beside PyTorch (on CUDA if it can)
  victim    a full-size victim: Blended, 1% (not by default, nor is purify)
  purify    FST on it

  --parts A,B          parts to run, in this order (default device,check,tune,profile,bench)
  --width N            channels of the ResNet-18's first stage (default 64)
  --batch-size N       images a step (default 128)
  --precisions A,B     f32, mixed or both (default f32,mixed)
  --subgroup-matrices  mixed precision may use the GPU's matrix units (experimental feature)
  --only NAMES         kernels and variants to check (default all)
  --filter TEXT        the cases of the benchmark, in one go
  --rounds N           its rounds (default 5)
  --peer NAME          torch (default) or none; PYTHON names a Python that has PyTorch
  --data SOURCE        images of the victim, as train takes them (default synthetic)
  --epochs N           epochs of the victim (default 10)
  --limit STEP=SECONDS another time limit for a step, as the summary names it; may be repeated

Every step has its own time limit; the summary tells how each ended. The exit code is 1 if one failed.
`;

const root = join(import.meta.dirname, "..");
const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    parts: { type: "string", default: "device,check,tune,profile,bench" },
    width: { type: "string", default: "64" },
    "batch-size": { type: "string", default: "128" },
    precisions: { type: "string", default: "f32,mixed" },
    "subgroup-matrices": { type: "boolean", default: false },
    only: { type: "string" },
    filter: { type: "string" },
    rounds: { type: "string", default: "5" },
    peer: { type: "string", default: "torch" },
    data: { type: "string", default: "synthetic" },
    epochs: { type: "string", default: "10" },
    limit: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});
const end = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Infinity;
const trainOptions = process.argv.slice(2).slice(end + 1);
const [folder] = positionals;
if (values.help || !folder || end === 0) {
  console.log(help);
  process.exit(values.help ? 0 : 2);
}

const out = resolve(folder);
const inOut = (name) => join(out, name);
const shape = ["--width", values.width, "--batch-size", values["batch-size"]];
const precisions = values.precisions.split(",");
const suffix = (precision) => (precision === "f32" ? "" : `-${precision}`);
const units = values["subgroup-matrices"] ? ["--subgroup-matrices"] : [];
const webgpu = ["--device", "webgpu", ...units];
const limits = new Map(values.limit.map((text) => text.split("=")));

function step(name, program, args, seconds, file) {
  const limit = Number(limits.get(name) ?? seconds);
  if (!(limit > 0)) refuse(`--limit ${name} must be a number of seconds above 0`);
  limits.delete(name);
  return { name, command: [join(root, program), ...args], seconds: limit, ...(file && { file }) };
}

const cli = (name, args, seconds, file) => step(name, "dist/cli.js", args, seconds, file);

function bench(name, options, seconds) {
  const peer = values.peer === "none" ? [] : ["--peer", values.peer];
  const same = [...webgpu, "--tune", "--rounds", values.rounds, ...peer];
  return step(
    name,
    "build/bench.mjs",
    [...same, ...options, "--out", inOut(`${name}.json`)],
    seconds,
  );
}

const size = `resnet18:w${values.width}:b${values["batch-size"]}:train`;
const parts = {
  device: () => [cli("device", ["device", ...webgpu, "--json"], 60, "device.json")],
  check: () => {
    const only = values.only ? ["--only", values.only] : [];
    return [cli("check", ["device", ...webgpu, "--check", ...only], 500)];
  },
  tune: () =>
    precisions.map((precision) => {
      const args = ["device", ...webgpu, "--tune", ...shape, "--precision", precision];
      return cli(`tune${suffix(precision)}`, args, 300);
    }),
  profile: () =>
    precisions.flatMap((precision) => {
      const name = `profile${suffix(precision)}`;
      const args = ["profile", ...units, ...shape, "--precision", precision];
      const shapes = [...args, "--by", "shape", "--json"];
      return [
        cli(name, [...args, "--trace", inOut(`${name}-trace.json`)], 120),
        cli(`${name}-shapes`, shapes, 120, `${name}-shapes.json`),
      ];
    }),
  bench: () =>
    values.filter
      ? [bench("bench", ["--filter", values.filter], 500)]
      : [
          bench("bench", ["--large", "--queue", "4", "--filter", `${size},matmul:4096`], 300),
          bench("bench-latency", ["--large", "--filter", size], 200),
          bench(
            "bench-kernels",
            ["--queue", "20", "--filter", "matmul:1024,conv,Norm,Pool,sgd"],
            500,
          ),
        ],
  victim: () => {
    const attack = ["--attack", "blended", "--rate", "0.01", "--epochs", values.epochs];
    const args = ["train", ...webgpu, "--data", values.data, ...attack, ...shape, ...trainOptions];
    return [cli("victim", [...args, "--out", inOut("victim")], 1200)];
  },
  purify: () => {
    const args = ["purify", inOut("victim"), ...webgpu, "--data", values.data, "--method", "fst"];
    return [cli("purify", [...args, "--out", inOut("fst")], 600)];
  },
};

const wanted = values.parts.split(",");
const unknown = wanted.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined)
  refuse(`no part is named "${unknown}": ${Object.keys(parts).join(", ")}`);
const steps = wanted.flatMap((name) => parts[name]());
for (const name of limits.keys()) {
  refuse(`--limit names "${name}"; the steps are ${steps.map((s) => s.name).join(", ")}`);
}
for (const program of new Set(steps.map(({ command }) => command[0]))) {
  if (!existsSync(program)) refuse(`${program} is missing: npm run build && npm run build:bench`);
}

process.env.SHIFTGRAD_TUNED = inOut("tuned.json");
const results = await runSteps(steps, out);
console.log(`\n${results.map(outcome).join("\n")}\n\n${out}/summary.json`);
process.exitCode = results.every(({ code, timedOut }) => code === 0 && !timedOut) ? 0 : 1;

function refuse(text) {
  console.error(`card.mjs: ${text}`);
  process.exit(2);
}
