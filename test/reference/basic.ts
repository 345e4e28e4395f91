import {
  elementwiseKernels,
  evaluate,
  evaluateInteger,
  integerTable,
  operandsOf,
} from "../../src/device/elementwise.js";
import type { HostArray, HostCall } from "../support/host-call.js";
import { at, product } from "../support/random.js";

export function copy({ src, dst }: HostCall<"copy">): void {
  for (let i = 0; i < dst.length; i++) dst[i] = at(src, i);
}

export function fill({ dst, value }: HostCall<"fill">): void {
  for (let i = 0; i < dst.length; i++) dst[i] = Math.fround(value);
}

const kernels = elementwiseKernels();

/** The coordinates of element i of a row-major shape. */
export function coordinates(i: number, shape: readonly number[]): number[] {
  let rest = i;
  return shape
    .map((_, d) => {
      const size = at(shape, shape.length - 1 - d);
      const c = rest % size;
      rest = (rest - c) / size;
      return c;
    })
    .reverse();
}

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * at(b, i), 0);

export function elementwise(call: HostCall<"elementwise">): void {
  const expression = kernels.get(call.kernel);
  if (!expression) throw new Error(`no elementwise kernel ${call.kernel}`);
  const names = operandsOf(expression);
  const [p, q] = call.scalars.map(Math.fround);
  const values: Record<string, number | undefined> = { p, q };
  for (let i = 0; i < call.out.length; i++) {
    const c = coordinates(i, call.shape);
    for (const [j, name] of names.entries()) {
      const input = call.inputs[j];
      if (!input) throw new Error(`${call.kernel} lacks operand ${name}`);
      values[name] = at(input.slice as HostArray, dot(c, input.strides as number[]));
    }
    call.out[i] = evaluate(expression, values as Record<string, number>);
  }
}

export function integer(call: HostCall<"integer">): void {
  const expression = integerTable[call.op];
  const names = operandsOf(expression);
  for (let i = 0; i < call.out.length; i++) {
    const c = coordinates(i, call.shape);
    const operands = call.inputs.map(({ slice, strides }, j) => [
      names[j],
      at(slice as HostArray, dot(c, strides as number[])),
    ]);
    call.out[i] = evaluateInteger(expression, Object.fromEntries(operands));
  }
}

export function reduce({ op, x, out, outer, reduced, inner }: HostCall<"reduce">): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      let best = 0;
      let least = Number.POSITIVE_INFINITY;
      for (let r = 0; r < reduced; r++) {
        const value = at(x, (o * reduced + r) * inner + i);
        sum += value;
        const largest = at(x, (o * reduced + best) * inner + i);
        if (value > largest || (Number.isNaN(value) && !Number.isNaN(largest))) best = r;
        least = Math.min(least, value);
      }
      out[o * inner + i] = {
        sum,
        mean: sum / reduced,
        max: at(x, (o * reduced + best) * inner + i),
        min: least,
        argmax: best,
      }[op];
    }
  }
}

export function move({ x, out, shape, from, to, add }: HostCall<"move">): void {
  const place = ({ offset, strides }: { offset: number; strides: unknown }, c: readonly number[]) =>
    offset + dot(c, strides as number[]);
  for (let i = 0; i < product(shape as number[]); i++) {
    const c = coordinates(i, shape as number[]);
    const [source, target] = [place(from, c), place(to, c)];
    out[target] = at(x, source) + (add ? at(out, target) : 0);
  }
}

export function gatherRows({ x, index, out, rows, picked, columns }: HostCall<"gatherRows">): void {
  for (let i = 0; i < picked; i++) {
    const row = at(index, i);
    for (let c = 0; c < columns; c++) {
      out[i * columns + c] = row < rows ? at(x, row * columns + c) : Number.NaN;
    }
  }
}

export function scatterAddRows(call: HostCall<"scatterAddRows">): void {
  const { dy, index, out, rows, picked, columns } = call;
  out.fill(0, 0, rows * columns);
  for (let i = 0; i < picked; i++) {
    for (let c = 0; c < columns; c++) {
      const to = at(index, i) * columns + c;
      out[to] = at(out, to) + at(dy, i * columns + c);
    }
  }
}

export function sort({ x, index, rank, rows, length, descending }: HostCall<"sort">): void {
  for (let r = 0; r < rows; r++) {
    const row = [...x.subarray(r * length, (r + 1) * length)];
    // NaN above infinity; Array.prototype.sort keeps the order of ties.
    const before = (a: number, b: number): number =>
      Number.isNaN(a) || Number.isNaN(b)
        ? Number(Number.isNaN(a)) - Number(Number.isNaN(b))
        : a < b
          ? -1
          : Number(a > b);
    const order = row.map((_, i) => i);
    order.sort((i, j) =>
      descending ? before(at(row, j), at(row, i)) : before(at(row, i), at(row, j)),
    );
    order.forEach((element, i) => {
      index[r * length + i] = element;
      rank[r * length + element] = i;
    });
  }
}

export function gatherAlong(call: HostCall<"gatherAlong">): void {
  const { x, index, out, rows, length, picked } = call;
  for (let i = 0; i < rows * picked; i++) {
    const element = at(index, i);
    out[i] = element < length ? at(x, Math.floor(i / picked) * length + element) : 0;
  }
}

export function oneHot({ index, out, picked, classes, on, off }: HostCall<"oneHot">): void {
  for (let i = 0; i < picked; i++) {
    for (let c = 0; c < classes; c++) {
      out[i * classes + c] = Math.fround(at(index, i) === c ? on : off);
    }
  }
}

export function multiplyAdd({ out, rounds }: HostCall<"multiplyAdd">): void {
  for (let i = 0; i < out.length; i++) {
    let x = i / out.length;
    for (let r = 0; r < rounds; r++) x = x / 2 + 1;
    out[i] = x;
  }
}
