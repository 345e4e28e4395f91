// Fails on an import that climbs the house and on an import cycle, type-only imports included.
// Usage: node scripts/check-house.mjs [root]
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/** From the roof to the ground: a folder imports only from storeys below its own. */
const storeys = [
  ["cli", "examples"],
  ["entry"],
  ["lab"],
  ["defenses"],
  ["attacks"],
  ["training"],
  ["data"],
  ["models"],
  ["optim"],
  ["nn"],
  ["io"],
  ["ops"],
  ["autograd"],
  ["tensor"],
  ["device"],
  ["files"],
  ["shaders"],
];

/** Imports that would go downwards and still must not be, each with its reason. */
const forbidden = [
  ["src/defenses/", "src/attacks/", "a defense never sees the trigger"],
  ["src/device/webgpu/", "src/device/cpu/", "the two devices do not know each other"],
  ["src/device/cpu/", "src/device/webgpu/", "the two devices do not know each other"],
];

const hintAbove = 300;

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const files = ["src", "examples", "shaders"].flatMap((folder) => walk(join(root, folder)));
const known = new Set(files);
const sources = files.filter((file) => /\.[cm]?tsx?$/.test(file) && !file.endsWith(".d.ts"));
const imports = new Map(sources.map((file) => [file, importsOf(file)]));

const errors = [...imports].flatMap(([file, targets]) => climbs(file, targets));
errors.push(...cycles());
for (const message of hints()) console.error(`hint: ${message}`);
for (const message of errors) console.error(`error: ${message}`);
if (errors.length > 0) {
  console.error(`the house does not stand: ${errors.length} error(s) in ${sources.length} files`);
  process.exitCode = 1;
} else {
  console.log(`the house stands: ${sources.length} files, no cycle, no import that climbs`);
}

function walk(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // The CPU kernels are AssemblyScript: another compiler reads them, and it refuses cycles itself.
    if (entry.isDirectory()) return entry.name === "assembly" ? [] : walk(path);
    return [path];
  });
}

/** The files of this repository that `file` imports, with the line each import stands on. */
function importsOf(file) {
  const text = readFileSync(file, "utf8");
  const blank = (comment) => comment.replace(/[^\n]/g, " ");
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, blank);
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}\/[^"'\n]+)\1/g;
  return [...code.matchAll(pattern)].flatMap((match) => {
    const target = resolveImport(file, match[2]);
    return target ? [{ target, line: code.slice(0, match.index).split("\n").length }] : [];
  });
}

function resolveImport(file, specifier) {
  const path = resolve(dirname(file), specifier);
  const candidates = [
    path,
    path.replace(/\.([cm]?)js$/, ".$1ts"),
    `${path}.ts`,
    join(path, "index.ts"),
  ];
  return candidates.find((candidate) => known.has(candidate));
}

function name(file) {
  return relative(root, file).split(sep).join("/");
}

function storeyOf(file) {
  const [top, folder, ...rest] = name(file).split("/");
  if (top !== "src") return top;
  return rest.length > 0 ? folder : "entry";
}

function climbs(file, targets) {
  const from = storeyOf(file);
  const height = heightOf(from);
  if (height === undefined) {
    return [`${name(file)}: src/${from}/ has no storey; give it one in scripts/check-house.mjs`];
  }
  return targets.flatMap(({ target, line }) => {
    const to = storeyOf(target);
    const where = `${name(file)}:${line} imports ${name(target)}`;
    const rule = forbidden.find(([a, b]) => name(file).startsWith(a) && name(target).startsWith(b));
    if (rule) return [`${where}: ${rule[2]}`];
    const targetHeight = heightOf(to);
    if (from === to || targetHeight === undefined || targetHeight > height) return [];
    const relation = targetHeight === height ? "stands beside" : "stands above";
    return [`${where}: ${to} ${relation} ${from}; a folder imports only from folders below it`];
  });
}

function heightOf(storey) {
  const index = storeys.findIndex((names) => names.includes(storey));
  return index < 0 ? undefined : index;
}

/** One message for every knot of files that import each other: a shortest way round it. */
function cycles() {
  const found = [];
  const reported = new Set();
  for (const start of sources) {
    if (reported.has(start)) continue;
    const way = wayBack(start);
    if (!way) continue;
    for (const file of way) reported.add(file);
    found.push(`import cycle: ${[...way, start].map(name).join(" -> ")}`);
  }
  return found;
}

/** Breadth first from `start` to itself; the files on the way, or undefined. */
function wayBack(start) {
  const cameFrom = new Map([[start, null]]);
  const queue = [start];
  for (const file of queue) {
    for (const { target } of imports.get(file) ?? []) {
      if (target === start) {
        const way = [];
        for (let at = file; at !== null; at = cameFrom.get(at)) way.unshift(at);
        return way;
      }
      if (!cameFrom.has(target)) {
        cameFrom.set(target, file);
        queue.push(target);
      }
    }
  }
  return undefined;
}

function hints() {
  return sources.flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n").length - 1;
    return lines > hintAbove
      ? [`${name(file)} has ${lines} lines; is there a second subject?`]
      : [];
  });
}
