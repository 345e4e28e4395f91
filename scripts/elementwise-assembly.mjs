// Writes the elementwise kernels of the CPU device: for each row's expression one vector loop, and
// one export that walks the output with it.

const unary = {
  neg: (x) => `f32x4.neg(${x})`,
  abs: (x) => `f32x4.abs(${x})`,
  sqrt: (x) => `f32x4.sqrt(${x})`,
  floor: (x) => `f32x4.floor(${x})`,
  exp: (x) => `exp(${x})`,
  log: (x) => `log(${x})`,
  sin: (x) => `sin(${x})`,
  cos: (x) => `cos(${x})`,
  tanh: (x) => `tanh(${x})`,
  expm1: (x) => `expm1(${x})`,
  log1p: (x) => `log1p(${x})`,
  erf: (x) => `erf(${x})`,
  convert: (x) => `f32x4.convert_i32x4_u(${x})`,
  truncate: (x) => `i32x4.trunc_sat_f32x4_u(${x})`,
};

/** Operations on lanes of u32. */
const integer = {
  ...Object.fromEntries(["add", "sub", "mul"].map((fn) => [fn, `i32x4.${fn}`])),
  ...Object.fromEntries(["min", "max", "lt", "le"].map((fn) => [fn, `i32x4.${fn}_u`])),
  eq: "i32x4.eq",
  div: "divide",
};

/** Statements that compute `expression`, each subexpression once, and the name of the result. */
function statements(expression, integers) {
  const named = new Map();
  const lines = [];
  const value = (e) => {
    if (e.kind === "name") return e.name;
    const key = JSON.stringify(e);
    const known = named.get(key);
    if (known) return known;
    const code = operation(e);
    const name = `t${named.size}`;
    named.set(key, name);
    lines.push(`const ${name} = ${code};`);
    return name;
  };
  const operation = (e) => {
    const fn = integers ? integer[e.fn] : `f32x4.${e.fn}`;
    switch (e.kind) {
      case "const":
        return `f32x4.splat(<f32>${e.value})`;
      case "unary":
        return unary[e.fn](value(e.x));
      case "binary":
        // Against a constant one instruction does: it passes on a not-a-number in x.
        if (!integers && (e.fn === "min" || e.fn === "max") && e.y.kind === "const") {
          return `f32x4.p${e.fn}(${value(e.x)}, ${value(e.y)})`;
        }
        if (e.fn === "pow") return `pow(${value(e.x)}, ${value(e.y)})`;
        return `${fn}(${value(e.x)}, ${value(e.y)})`;
      case "select": {
        const mask = `${fn}(${value(e.x)}, ${value(e.y)})`;
        return `v128.bitselect(${value(e.yes)}, ${value(e.no)}, ${mask})`;
      }
      default:
        throw new Error(`an expression of kind ${e.kind} has no SIMD form`);
    }
  };
  return { result: value(expression), lines };
}

function kernelSource(identifier, expression, operands, integers) {
  const tensors = operands.filter((n) => n !== "p" && n !== "q");
  const { result, lines } = statements(expression, integers);
  const body = [
    ...tensors.map((n) => `const ${n} = v128.load(at_${n}); at_${n} += step_${n};`),
    ...lines,
    `v128.store(out, ${result});`,
  ];
  return [
    `function ${identifier}_run(n: u32, out: usize, operands: usize): void {`,
    ...tensors.flatMap((n, i) => [
      `  let at_${n} = load<usize>(operands, ${8 * i});`,
      `  const step_${n} = load<usize>(operands, ${8 * i + 4});`,
    ]),
    "  const p = v128.load32_splat(operands, 40);",
    "  const q = v128.load32_splat(operands, 44);",
    "  const end = out + 4 * <usize>n;",
    "  for (; out < end; out += 16) {",
    ...body.map((line) => `    ${line}`),
    "  }",
    "}",
    `export function ${identifier}(thread: i32, threads: i32, p: usize): void {`,
    `  walk(thread, threads, p, ${identifier}_run.index);`,
    "}",
  ].join("\n");
}

/** The source of one AssemblyScript file with a kernel for every entry of the tables. */
export function elementwiseAssembly({ elementwiseKernels, integerTable, operandsOf }) {
  const from = "../../src/device/cpu/assembly";
  const parts = [
    "// Generated from src/device/elementwise.ts by scripts/build-kernels.mjs.",
    `import { cos, divide, erf, exp, expm1, log, log1p, pow, sin, tanh } from "${from}/math";\n` +
      `import { walk } from "${from}/walk";`,
  ];
  for (const [kernel, expression] of elementwiseKernels()) {
    const name = `elementwise_${kernel.replace(".", "_")}`;
    parts.push(kernelSource(name, expression, operandsOf(expression), false));
  }
  for (const [op, expression] of Object.entries(integerTable)) {
    parts.push(kernelSource(`integer_${op}`, expression, operandsOf(expression), true));
  }
  return `${parts.join("\n\n")}\n`;
}
