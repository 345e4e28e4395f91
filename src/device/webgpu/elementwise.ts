import compareText from "../../../shaders/compare.wgsl";
import elementwiseText from "../../../shaders/elementwise.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import {
  type Expr,
  elementwiseKernels,
  integerTable,
  integerTypes,
  operandsOf,
} from "../elementwise.js";
import { float32Bits } from "../float32.js";
import type { ElementwiseCall, ElementwiseCalls } from "../kernels/elementwise-call.js";
import { collapse } from "./collapse.js";
import { type GpuLowering, reads, type Shader, shader, writes } from "./lowering.js";
import { linear, mathTypes, storedAs } from "./spread.js";

/**
 * How an operand is addressed by the output's index i:
 * full: x[i]; scalar: x[0]; inner: x[i % period], a row repeated; outer: x[i / period], a column
 * spread along rows; strided: by its strides in the collapsed shape.
 */
type Access = "full" | "scalar" | "inner" | "outer" | "strided";

interface Mode {
  readonly access: Access;
  /** Whether it is stored as 16-bit floats. */
  readonly half: boolean;
}

interface Operand extends Mode {
  readonly period: number;
}

/** The element types of operands and result. */
type Types = readonly ["f32" | "u32", "f32" | "u32"];

const floats: Types = ["f32", "f32"];
/** The functions that an expression of these types may call. */
const library = ([from, to]: Types): string[] =>
  from === "u32" ? [] : to === "u32" ? [compareText] : [compareText, mathText];
const expressions = elementwiseKernels();
const shaders = new Map<string, Shader>();

export function lowerElementwise(gpu: GpuLowering, call: ElementwiseCall): void {
  const expression = expressions.get(call.kernel);
  if (!expression) throw new Error(`no elementwise kernel is named ${call.kernel}`);
  lowerExpression(gpu, `elementwise ${call.kernel}`, expression, call, floats);
}

export function lowerInteger(gpu: GpuLowering, { op, ...call }: ElementwiseCalls["integer"]): void {
  const all = { ...call, scalars: [0, 0] as const };
  lowerExpression(gpu, `integer ${op}`, integerTable[op], all, integerTypes(op));
}

function lowerExpression(
  gpu: GpuLowering,
  name: string,
  expression: Expr,
  call: Omit<ElementwiseCall, "kernel">,
  types: Types,
): void {
  const { shape, strides } = collapse(
    call.shape,
    call.inputs.map((input) => input.strides),
  );
  const operands = call.inputs.map(({ slice }, i) => ({
    ...accessOf(shape, strides[i] ?? []),
    half: slice.type === "f16",
  }));
  const count = shape.reduce((a, b) => a * b, 1);
  const vector = count % 4 === 0 && operands.every(isVector);
  const unit = vector ? 4 : 1;
  const length = count / unit;
  const params = call.scalars.map(float32Bits);
  if (operands.some(({ access }) => access === "strided")) params.push(...shape);
  for (const [i, { access, period }] of operands.entries()) {
    if (access === "strided") params.push(...(strides[i] ?? []));
    else params.push(access === "inner" || access === "outer" ? period / unit : 0);
  }
  gpu.dispatch({
    shader: shaderFor(name, expression, operands, vector, shape.length, types),
    constants: { Result: types[1] === "u32" ? wide("u32", vector) : storedAs(call.out, unit) },
    bindings: [...call.inputs.map((input) => reads(input.slice)), writes(call.out)],
    ...linear(gpu, length, ...params),
  });
}

function accessOf(shape: readonly number[], strides: readonly number[]): Omit<Operand, "half"> {
  if (strides.every((stride) => stride === 0)) return { access: "scalar", period: 1 };
  let dense = 1;
  let isFull = true;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (strides[d] !== dense) isFull = false;
    dense *= shape[d] ?? 1;
  }
  if (isFull) return { access: "full", period: 1 };
  const [, columns] = shape;
  if (shape.length === 2 && columns !== undefined) {
    if (strides[0] === 0 && strides[1] === 1) return { access: "inner", period: columns };
    if (strides[0] === 1 && strides[1] === 0) return { access: "outer", period: columns };
  }
  return { access: "strided", period: 1 };
}

/** Whether four neighbours of the output need one vec4 of the operand, or one of its elements. */
const isVector = ({ access, period }: Operand): boolean =>
  access === "full" || access === "scalar" || (access !== "strided" && period % 4 === 0);

function shaderFor(
  name: string,
  expression: Expr,
  operands: readonly Operand[],
  vector: boolean,
  rank: number,
  types: Types,
): Shader {
  const modes = operands.map(({ access, half }) => (half ? `${access}-f16` : access));
  const strided = operands.some(({ access }) => access === "strided");
  const key = [name, vector ? "vec4" : "f32", ...modes, strided ? rank : ""].join(" ");
  let made = shaders.get(key);
  if (!made) {
    const head = elementwiseHead(expression, operands, vector, rank, types);
    made = {
      ...shader(name, head, groupText, ...library(types), elementwiseText),
      enables: operands.some(({ half }) => half) ? ["f16"] : [],
    };
    shaders.set(key, made);
  }
  return made;
}

/** The generated part of a kernel: types, parameters, bindings and `value(i)`. */
export function elementwiseHead(
  expression: Expr,
  modes: readonly Mode[],
  vector: boolean,
  rank: number,
  [from, to]: Types = floats,
): string {
  const names = operandsOf(expression);
  const dims = Array.from({ length: rank }, (_, d) => d);
  const strided = modes.some(({ access }) => access === "strided");
  const fields = ["length: u32", "perGroup: u32", "p: f32", "q: f32"];
  if (strided) fields.push(...dims.map((d) => `size${d}: u32`));
  const bindings: string[] = [];
  const loads: string[] = [];
  for (const [i, name] of names.entries()) {
    const { access, half } = modes[i] ?? { access: "full", half: false };
    if (access === "strided") fields.push(...dims.map((d) => `${name}Stride${d}: u32`));
    else fields.push(`${name}Period: u32`);
    const four = vector && access !== "scalar" && access !== "outer";
    const type = half ? (four ? "vec4h" : "f16") : wide(from, four);
    bindings.push(`@group(0) @binding(${i + 1}) var<storage, read> ${name}Data: array<${type}>;`);
    const element = `${name}Data[${indexOf(name, access, dims)}]`;
    loads.push(`  let ${name} = V(${half && !four ? `f32(${element})` : element});`);
  }
  const result = from === to ? "V" : "R";
  const types = { ...mathTypes(vector ? 4 : 1), V: wide(from, vector) };
  return [
    ...Object.entries(types).map(([alias, type]) => `alias ${alias} = ${type};`),
    ...(from === to ? [] : [`alias R = ${wide(to, vector)};`]),
    `struct Params {\n${fields.map((field) => `  ${field},`).join("\n")}\n}`,
    "@group(0) @binding(0) var<uniform> params: Params;",
    ...bindings,
    `@group(0) @binding(${names.length + 1}) var<storage, read_write> result: array<Result>;`,
    `fn value(i: u32) -> ${result} {`,
    ...(strided ? coordinates(dims) : []),
    ...loads,
    `  return ${emit(expression, result, from)};`,
    "}",
  ].join("\n");
}

function indexOf(name: string, mode: Access, dims: readonly number[]): string {
  switch (mode) {
    case "full":
      return "i";
    case "scalar":
      return "0";
    case "inner":
      return `i % params.${name}Period`;
    case "outer":
      return `i / params.${name}Period`;
    case "strided":
      return dims.map((d) => `at${d} * params.${name}Stride${d}`).join(" + ");
  }
}

/** The output's coordinates from its flat index, the last dimension first. */
function coordinates(dims: readonly number[]): string[] {
  const lines = ["  var rest = i;"];
  for (const d of [...dims].reverse()) {
    if (d === 0) lines.push("  let at0 = rest;");
    else lines.push(`  let at${d} = rest % params.size${d};`, `  rest /= params.size${d};`);
  }
  return lines;
}

/** One element, or four. */
const wide = (type: "f32" | "u32", four: boolean): string => (four ? `vec4${type[0]}` : type);

/**
 * @param to the result's type, by its alias
 * @param from the operands'
 */
function emit(e: Expr, to: string, from: Types[0]): string {
  switch (e.kind) {
    case "name":
      return e.name === "p" || e.name === "q" ? `V(params.${e.name})` : e.name;
    case "const":
      return `${to}(${e.value})`;
    case "unary":
      return unary[e.fn](emit(e.x, to, from));
    case "binary": {
      const operator = from === "u32" ? { ...binary, ...ofWords }[e.fn] : binary[e.fn];
      return operator(emit(e.x, to, from), emit(e.y, to, from));
    }
    case "select": {
      const [x = "", y = "", yes, no] = [e.x, e.y, e.yes, e.no].map((part) => emit(part, to, from));
      const compared = (from === "u32" ? compareWords : compare)[e.fn](x, y);
      return `select(${no}, ${yes}, ${compared})`;
    }
  }
}

type UnaryName = Extract<Expr, { kind: "unary" }>["fn"];
type BinaryName = Extract<Expr, { kind: "binary" }>["fn"];
type CompareName = Extract<Expr, { kind: "select" }>["fn"];
const call =
  (fn: string) =>
  (...args: string[]): string =>
    `${fn}(${args.join(", ")})`;
const infix =
  (sign: string) =>
  (x: string, y: string): string =>
    `(${x} ${sign} ${y})`;
const unary: Record<UnaryName, (x: string) => string> = {
  neg: (x) => `(-${x})`,
  abs: call("abs"),
  exp: call("expOf"),
  log: call("logOf"),
  sqrt: call("sqrt"),
  sin: call("sinOf"),
  cos: call("cosOf"),
  tanh: call("tanhOf"),
  floor: call("floor"),
  expm1: call("expm1Of"),
  log1p: call("log1pOf"),
  erf: call("erfOf"),
  convert: (x) => `R(${x})`,
  // A NaN is not above 0.
  truncate: (x) =>
    `select(R(select(V(0), ${x}, isLess(V(0), ${x}))), R(0xffffffffu), ` +
    `isLessOrEqual(V(4294967296), ${x}))`,
};
const binary: Record<BinaryName, (x: string, y: string) => string> = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  min: call("minOf"),
  max: call("maxOf"),
  pow: call("powOf"),
};
/** What is another one for whole numbers. */
const ofWords = { min: call("min"), max: call("max") };
const compareWords: Record<CompareName, (x: string, y: string) => string> = {
  lt: infix("<"),
  le: infix("<="),
  eq: infix("=="),
};
const compare: Record<CompareName, (x: string, y: string) => string> = {
  lt: call("isLess"),
  le: call("isLessOrEqual"),
  eq: call("isEqual"),
};
