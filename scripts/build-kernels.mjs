// Generates the elementwise AssemblyScript from the table and compiles the CPU kernels four times:
// with and without relaxed SIMD, for shared memory (workers) and for the calling thread alone.
//
// A kernel is what src/device/cpu/assembly exports with the signature
// (thread: i32, threads: i32, p: usize): void, where p is the address of the command's 32-bit words.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { build } from "esbuild";
import { elementwiseAssembly } from "./elementwise-assembly.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const assembly = join(root, "src/device/cpu/assembly");
const table = join(root, "src/device/elementwise.ts");
const out = join(root, "build/kernels");

const variants = [
  { name: "simd", flags: [] },
  { name: "simd-relaxed", flags: ["--enable", "relaxed-simd"] },
].flatMap(({ name, flags }) => [
  { name, flags },
  { name: `${name}-shared`, flags: [...flags, "--enable", "threads", "--sharedMemory"] },
]);

function inputHash() {
  const hash = createHash("sha256");
  const sources = readdirSync(assembly)
    .filter((f) => f.endsWith(".ts"))
    .sort();
  const files = [
    ...sources.map((f) => join(assembly, f)),
    table,
    fileURLToPath(import.meta.url),
    join(root, "scripts/elementwise-assembly.mjs"),
    join(root, "node_modules/assemblyscript/package.json"),
  ];
  for (const file of files) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

/** Written beside and renamed, so that a reader never sees half a file. */
function replace(file, content) {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

async function elementwiseSource() {
  const bundle = await build({ entryPoints: [table], bundle: true, format: "esm", write: false });
  const code = Buffer.from(bundle.outputFiles[0].contents).toString("base64");
  return elementwiseAssembly(await import(`data:text/javascript;base64,${code}`));
}

/** Exports the kernels in all files, and what the host calls. */
function exportsSource() {
  const signature = /^export function (\w+)\(thread: i32, threads: i32, p: usize\): void/gm;
  const lines = readdirSync(assembly)
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .map((file) => {
      const names = [...readFileSync(join(assembly, file), "utf8").matchAll(signature)];
      const path = relative(out, join(assembly, file)).replace(/\.ts$/, "").replaceAll("\\", "/");
      return names.length ? `export { ${names.map(([, n]) => n).join(", ")} } from "${path}";` : "";
    });
  const runtime = relative(out, join(assembly, "runtime")).replaceAll("\\", "/");
  return [...lines, `export { heapBase, once, work } from "${runtime}";`, ""].join("\n");
}

async function compile({ name, flags }, sources) {
  const file = join(out, `${name}.wasm`);
  const temporary = `${file}.${process.pid}`;
  const { error, stderr } = await asc.main([
    ...sources,
    ...["--baseDir", root, "--outFile", relative(root, temporary)],
    ...[
      "-O3",
      "--runtime",
      "stub",
      "--noAssert",
      "--use",
      "abort=",
      "--exportTable",
      "--disableWarning",
      "112",
    ],
    ...["--importMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
    ...["--memoryBase", "1024", "--enable", "simd", ...flags],
  ]);
  if (error) throw new Error(`${name}: ${error.message}\n${stderr}`);
  renameSync(temporary, file);
}

const stamp = join(out, "inputs.sha256");
const hash = inputHash();
const fresh =
  existsSync(stamp) &&
  readFileSync(stamp, "utf8") === hash &&
  variants.every(({ name }) => existsSync(join(out, `${name}.wasm`)));
if (!fresh) {
  const started = performance.now();
  mkdirSync(out, { recursive: true });
  replace(join(out, "exports.ts"), exportsSource());
  replace(join(out, "elementwise.ts"), await elementwiseSource());
  const sources = ["exports.ts", "elementwise.ts"].map((file) => relative(root, join(out, file)));
  for (const variant of variants) await compile(variant, sources);
  replace(stamp, hash);
  console.log(`built the CPU kernels in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
