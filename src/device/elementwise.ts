/**
 * The elementwise operations, one row each. From a row come the WGSL kernel, the SIMD kernel, the
 * op with its gradient, its line in the documentation and its tests.
 *
 * A row's expression is a small tree. Names: inputs `a`, `b`, `c`; the output `y`; the incoming
 * gradient `g`; static scalar parameters `p`, `q`.
 */
export type Name = "a" | "b" | "c" | "y" | "g" | "p" | "q";
export type Unary =
  | ("neg" | "abs" | "floor" | "sqrt" | "sin" | "cos" | "tanh")
  | ("exp" | "expm1" | "log" | "log1p" | "erf")
  /** From u32 to f32, and back; for `integerTable` alone. */
  | ("convert" | "truncate");
export type Binary = "add" | "sub" | "mul" | "div" | "min" | "max" | "pow";
export type Compare = "lt" | "le" | "eq";
export type Expr =
  | { readonly kind: "name"; readonly name: Name }
  | { readonly kind: "const"; readonly value: number }
  | { readonly kind: "unary"; readonly fn: Unary; readonly x: Expr }
  | { readonly kind: "binary"; readonly fn: Binary; readonly x: Expr; readonly y: Expr }
  /** `x fn y ? yes : no`, lane by lane. */
  | {
      readonly kind: "select";
      readonly fn: Compare;
      readonly x: Expr;
      readonly y: Expr;
      readonly yes: Expr;
      readonly no: Expr;
    };

type E = Expr | number;
const lift = (e: E): Expr => (typeof e === "number" ? { kind: "const", value: e } : e);
const name = (n: Name): Expr => ({ kind: "name", name: n });
const un =
  (fn: Unary) =>
  (x: E): Expr => ({ kind: "unary", fn, x: lift(x) });
const bin =
  (fn: Binary) =>
  (x: E, y: E): Expr => ({ kind: "binary", fn, x: lift(x), y: lift(y) });
const when =
  (fn: Compare) =>
  (x: E, y: E, yes: E, no: E): Expr => ({
    kind: "select",
    fn,
    x: lift(x),
    y: lift(y),
    yes: lift(yes),
    no: lift(no),
  });

const [a, b, c, y, g, p, q] = (["a", "b", "c", "y", "g", "p", "q"] as const).map(name) as [
  Expr,
  Expr,
  Expr,
  Expr,
  Expr,
  Expr,
  Expr,
];
const neg = un("neg");
const abs = un("abs");
const exp = un("exp");
const expm1 = un("expm1");
const log = un("log");
const log1p = un("log1p");
const erf = un("erf");
const sqrt = un("sqrt");
const sin = un("sin");
const cos = un("cos");
const tanh = un("tanh");
const floor = un("floor");
const add = bin("add");
const sub = bin("sub");
const mul = bin("mul");
const div = bin("div");
const min = bin("min");
const max = bin("max");
const pow = bin("pow");
const lt = when("lt");
const le = when("le");
const eq = when("eq");

export interface ElementwiseRow {
  /** What it computes, as one line of documentation. */
  readonly doc: string;
  readonly forward: Expr;
  /** d(loss)/d(input i) from `g`, the inputs and `y`; null where the op has no useful gradient. */
  readonly gradients: readonly (Expr | null)[];
  /** Where tests draw the inputs from; default [-2, 2]. */
  readonly domain?: readonly [number, number];
}

const row = (
  doc: string,
  forward: Expr,
  gradients: readonly (Expr | number | null)[],
  domain?: readonly [number, number],
): ElementwiseRow => ({
  doc,
  forward,
  gradients: gradients.map((e) => (e === null ? null : lift(e))),
  ...(domain ? { domain } : {}),
});

const sigmoidOf = (x: E): Expr => div(1, add(1, exp(neg(x))));
/** sqrt(2 / pi), the constant of the tanh form of GELU. */
const geluScale = Math.sqrt(2 / Math.PI);
const geluInner = (x: Expr): Expr => mul(geluScale, add(x, mul(0.044715, mul(x, mul(x, x)))));
/** The normal distribution's Phi(x), and its density. */
const normalBelow = (x: Expr): Expr => mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))));
const normalAt = (x: Expr): Expr => mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, mul(x, x))));
/** ln(1 + e ** x) without overflow. */
const softplusOf = (x: Expr): Expr => add(max(x, 0), log1p(exp(neg(abs(x)))));
/** PyTorch's bound for the logarithms of binary cross-entropy. */
const boundedLog = (x: E): Expr => max(log(x), -100);
const geluSlope = (x: Expr): Expr => mul(geluScale, add(1, mul(3 * 0.044715, mul(x, x))));

export const elementwiseTable = {
  add: row("a + b", add(a, b), [g, g]),
  sub: row("a - b", sub(a, b), [g, neg(g)]),
  mul: row("a * b", mul(a, b), [mul(g, b), mul(g, a)]),
  div: row("a / b", div(a, b), [div(g, b), neg(div(mul(g, y), b))], [0.5, 2]),
  maximum: row("the larger of a and b, NaN wins; a tie gives the gradient to a", max(a, b), [
    lt(a, b, 0, g),
    le(b, a, 0, g),
  ]),
  minimum: row("the smaller of a and b, NaN wins; a tie gives the gradient to a", min(a, b), [
    lt(b, a, 0, g),
    le(a, b, 0, g),
  ]),
  pow: row(
    "a ** b as C's pow: a negative a needs an integer b",
    pow(a, b),
    [
      eq(b, 0, 0, mul(g, mul(b, pow(a, sub(b, 1))))),
      eq(a, 0, le(0, b, 0, mul(g, mul(y, log(a)))), mul(g, mul(y, log(a)))),
    ],
    [0.5, 2],
  ),
  neg: row("-a", neg(a), [neg(g)]),
  abs: row("|a|, gradient 0 at 0", abs(a), [lt(a, 0, neg(g), lt(0, a, g, 0))]),
  exp: row("e ** a", exp(a), [mul(g, y)]),
  expm1: row("e ** a - 1, exact near 0", expm1(a), [mul(g, add(y, 1))]),
  log: row("natural logarithm of a", log(a), [div(g, a)], [0.1, 4]),
  log1p: row("natural logarithm of 1 + a, exact near 0", log1p(a), [div(g, add(1, a))], [-0.9, 4]),
  erf: row("error function of a", erf(a), [
    mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(a, a))))),
  ]),
  sqrt: row("square root of a", sqrt(a), [div(mul(g, 0.5), y)], [0.1, 4]),
  square: row("a * a", mul(a, a), [mul(g, mul(2, a))]),
  reciprocal: row("1 / a", div(1, a), [neg(mul(g, mul(y, y)))], [0.5, 2]),
  sin: row("sine of a, in radians", sin(a), [mul(g, cos(a))]),
  cos: row("cosine of a, in radians", cos(a), [neg(mul(g, sin(a)))]),
  tanh: row("hyperbolic tangent of a", tanh(a), [mul(g, sub(1, mul(y, y)))]),
  sigmoid: row("1 / (1 + e ** -a)", sigmoidOf(a), [mul(g, mul(y, sub(1, y)))]),
  softplus: row("natural logarithm of 1 + e ** a", softplusOf(a), [mul(g, sigmoidOf(a))]),
  relu: row("max(a, 0), gradient 0 at 0", max(a, 0), [le(a, 0, 0, g)]),
  leakyRelu: row("a where a > 0, else p * a", lt(0, a, a, mul(p, a)), [lt(0, a, g, mul(p, g))]),
  elu: row("a where a > 0, else p * (e ** a - 1)", lt(0, a, a, mul(p, sub(exp(min(a, 0)), 1))), [
    lt(0, a, g, mul(g, add(y, p))),
  ]),
  silu: row("a * sigmoid(a)", mul(a, sigmoidOf(a)), [
    mul(g, add(sigmoidOf(a), mul(y, sub(1, sigmoidOf(a))))),
  ]),
  gelu: row("a * Phi(a) in its tanh form", mul(mul(0.5, a), add(1, tanh(geluInner(a)))), [
    mul(
      g,
      add(
        mul(0.5, add(1, tanh(geluInner(a)))),
        mul(mul(0.5, a), mul(sub(1, mul(tanh(geluInner(a)), tanh(geluInner(a)))), geluSlope(a))),
      ),
    ),
  ]),
  geluExact: row("a * Phi(a), Phi the normal distribution's", mul(a, normalBelow(a)), [
    mul(g, add(normalBelow(a), mul(a, normalAt(a)))),
  ]),
  bce: row(
    "binary cross-entropy of probability a and target b, logarithms at least -100",
    neg(add(mul(b, boundedLog(a)), mul(sub(1, b), boundedLog(sub(1, a))))),
    [
      div(mul(g, sub(a, b)), max(mul(a, sub(1, a)), 1e-12)),
      mul(g, sub(boundedLog(sub(1, a)), boundedLog(a))),
    ],
    [0.1, 0.9],
  ),
  bceWithLogits: row(
    "binary cross-entropy of logit a and target b",
    sub(softplusOf(a), mul(a, b)),
    [mul(g, sub(sigmoidOf(a), b)), neg(mul(g, a))],
  ),
  dropout: row("q * a where b < p, else 0", lt(b, p, mul(q, a), 0), [lt(b, p, mul(q, g), 0), null]),
  cast: row("a in the element type of the result", a, [g]),
  floor: row("the largest integer not above a", floor(a), [0]),
  sign: row("-1, 0 or 1, 0 for NaN", lt(a, 0, -1, lt(0, a, 1, 0)), [0]),
  affine: row("p * a + q", add(mul(p, a), q), [mul(p, g)]),
  powScalar: row(
    "a ** p as C's pow: a negative a needs an integer p",
    pow(a, p),
    [eq(p, 0, 0, mul(g, mul(p, pow(a, sub(p, 1)))))],
    [0.5, 2],
  ),
  clamp: row("a held within [p, q]", min(max(a, p), q), [le(p, a, le(a, q, g, 0), 0)]),
  less: row("1 where a < b, else 0", lt(a, b, 1, 0), [null, null]),
  lessEqual: row("1 where a <= b, else 0", le(a, b, 1, 0), [null, null]),
  equal: row("1 where a = b, else 0", eq(a, b, 1, 0), [null, null]),
  notEqual: row("0 where a = b, else 1", eq(a, b, 0, 1), [null, null]),
  same: row("1 where a = b or both are NaN, else 0", eq(a, b, 1, eq(a, a, 0, eq(b, b, 0, 1))), [
    null,
    null,
  ]),
  where: row("b where a is not 0 (NaN is not), else c", eq(a, 0, c, b), [
    null,
    eq(a, 0, 0, g),
    eq(a, 0, g, 0),
  ]),
} as const satisfies Record<string, ElementwiseRow>;

export type ElementwiseOp = keyof typeof elementwiseTable;
export const elementwiseOps = Object.keys(elementwiseTable) as ElementwiseOp[];

/** A kernel made from a row: the forward expression or the gradient to one input. */
export type ElementwiseKernel = ElementwiseOp | `${ElementwiseOp}.d${0 | 1 | 2}`;

/**
 * Operations on u32 tensors, modulo 2^32. Comparisons and `toFloat` give f32, `toInteger` takes it:
 * what comes after the point is cut off, what is too small or too large becomes the nearest, NaN 0.
 */
export const integerTable = {
  add: add(a, b),
  sub: sub(a, b),
  mul: mul(a, b),
  /** Rounded down; a / 0 is a. */
  div: div(a, b),
  maximum: max(a, b),
  minimum: min(a, b),
  less: lt(a, b, 1, 0),
  lessEqual: le(a, b, 1, 0),
  equal: eq(a, b, 1, 0),
  notEqual: eq(a, b, 0, 1),
  toFloat: un("convert")(a),
  toInteger: un("truncate")(a),
} as const satisfies Record<string, Expr>;

export type IntegerOp = keyof typeof integerTable;

/** The element types of an integer operation's operands and result. */
export function integerTypes(
  op: IntegerOp,
): readonly [operands: "u32" | "f32", result: "u32" | "f32"] {
  const { kind } = integerTable[op];
  if (op === "toInteger") return ["f32", "u32"];
  return ["u32", kind === "binary" ? "u32" : "f32"];
}

const order: readonly Name[] = ["g", "a", "b", "c", "y"];

/** The tensor operands an expression reads, always in the order g, a, b, c, y. */
export function operandsOf(e: Expr): Name[] {
  const seen = new Set<Name>();
  const walk = (x: Expr): void => {
    if (x.kind === "name") seen.add(x.name);
    else if (x.kind === "unary") walk(x.x);
    else if (x.kind === "binary") [x.x, x.y].forEach(walk);
    else if (x.kind === "select") [x.x, x.y, x.yes, x.no].forEach(walk);
  };
  walk(e);
  return order.filter((n) => seen.has(n));
}

/** Every elementwise kernel the table yields, with its expression; both devices build from this. */
export function elementwiseKernels(): Map<ElementwiseKernel, Expr> {
  const all = new Map<ElementwiseKernel, Expr>();
  for (const op of elementwiseOps) {
    const r: ElementwiseRow = elementwiseTable[op];
    all.set(op, r.forward);
    r.gradients.forEach((e, i) => {
      if (e) all.set(`${op}.d${i as 0 | 1 | 2}`, e);
    });
  }
  return all;
}

/** The value of an expression in float64: the reference the kernels are tested against. */
export function evaluate(e: Expr, at: Partial<Record<Name, number>>): number {
  switch (e.kind) {
    case "name": {
      const v = at[e.name];
      if (v === undefined) throw new Error(`elementwise expression reads ${e.name}, not given`);
      return v;
    }
    case "const":
      return e.value;
    case "unary":
      return unaryFunctions[e.fn](evaluate(e.x, at));
    case "binary":
      return binaryFunctions[e.fn](evaluate(e.x, at), evaluate(e.y, at));
    case "select":
      return compareFunctions[e.fn](evaluate(e.x, at), evaluate(e.y, at))
        ? evaluate(e.yes, at)
        : evaluate(e.no, at);
  }
}

const unaryFunctions: Record<Unary, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  erf: errorFunction,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  floor: Math.floor,
  convert: (x) => x,
  truncate: (x) => Math.min(Math.max(Math.trunc(x) || 0, 0), 0xffffffff),
};

/** By its Taylor series, and where that cancels by the continued fraction of 1 - erf. */
function errorFunction(x: number): number {
  const size = Math.abs(x);
  if (!(size < 3)) {
    let fraction = size;
    for (let k = 60; k > 0; k--) fraction = size + k / 2 / fraction;
    const rest = Math.exp(-size * size) / (fraction * Math.sqrt(Math.PI));
    return Number.isNaN(x) ? x : Math.sign(x) * (size > 6 ? 1 : 1 - rest);
  }
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
/** The value of an expression of `integerTable`: the reference of its kernels. */
export function evaluateInteger(e: Expr, at: Partial<Record<Name, number>>): number {
  if (e.kind !== "binary") return evaluate(e, at);
  const [x, y] = [evaluate(e.x, at), evaluate(e.y, at)];
  if (e.fn === "mul") return Math.imul(x, y) >>> 0;
  if (e.fn === "div") return y === 0 ? x : Math.floor(x / y);
  return binaryFunctions[e.fn](x, y) >>> 0;
}

const binaryFunctions: Record<Binary, (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  min: Math.min,
  max: Math.max,
  // C's pow, of which JavaScript differs here.
  pow: (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y),
};
const compareFunctions: Record<Compare, (x: number, y: number) => boolean> = {
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
  eq: (x, y) => x === y,
};
