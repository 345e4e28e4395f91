import { ShapeError } from "../device/errors.js";
import { formatShape, stridesOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { permute, reshape } from "./layout.js";
import { matmul } from "./matmul.js";
import { assemble, whole } from "./move.js";
import { sum } from "./reduce.js";

/** A tensor with a letter for each dimension. */
interface Term {
  readonly x: Tensor;
  readonly letters: string;
}

/**
 * Sums of products by Einstein's convention: einsum("bij,bjk->bik", a, b) is a batched matrix product,
 * "ij->ji" a transposition, "ii->" a trace. Letters that the result lacks are summed over; without
 * "->" it has those that occur once, in alphabetical order. Pairs are multiplied from left to right.
 */
export function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
  checkInputs("einsum", tensors, "float");
  const { inputs, output } = parse(equation, tensors);
  const terms = inputs.map((letters, i) => diagonal({ x: tensors[i] as Tensor, letters }));
  let product = terms[0] as Term;
  for (const [i, term] of terms.entries()) {
    if (i === 0) continue;
    const later =
      output +
      terms
        .slice(i + 1)
        .map(({ letters }) => letters)
        .join("");
    product = multiply(product, term, later);
  }
  const { x, letters } = summed(product, output);
  return ordered({ x, letters }, output);
}

function parse(equation: string, tensors: readonly Tensor[]) {
  const fail = (why: string): never => {
    const shapes = tensors.map((x) => formatShape(x.shape)).join(", ");
    throw new ShapeError(`einsum: "${equation}" of ${shapes}: ${why}`);
  };
  const plain = String(equation).replaceAll(/\s/g, "");
  const [left = "", right, more] = plain.split("->");
  const inputs = left.split(",");
  if (more !== undefined || !/^[A-Za-z,]*$/.test(left + (right ?? "")) || right?.includes(",")) {
    fail('must be letters, commas and one "->"; give every dimension a letter instead of "..."');
  }
  if (tensors.length === 0 || inputs.length !== tensors.length) {
    fail(`names ${inputs.length} tensors, ${tensors.length} given`);
  }
  const sizes = new Map<string, number>();
  inputs.forEach((letters, i) => {
    const { shape } = tensors[i] as Tensor;
    if (letters.length !== shape.length) {
      fail(`"${letters}" has ${letters.length} letters for ${formatShape(shape)}`);
    }
    [...letters].forEach((letter, d) => {
      const size = shape[d] ?? 1;
      if ((sizes.get(letter) ?? size) !== size) {
        fail(`${letter} is ${sizes.get(letter)} and ${size}`);
      }
      sizes.set(letter, size);
    });
  });
  const once = [...sizes.keys()].filter((letter) => left.split(letter).length === 2).sort();
  const output = right ?? once.join("");
  for (const letter of output) {
    if (!sizes.has(letter)) fail(`${letter} is in no tensor`);
    if (output.split(letter).length > 2) fail(`${letter} is twice in the result`);
  }
  return { inputs, output };
}

/** Takes the diagonal of dimensions that share a letter. */
function diagonal({ x, letters }: Term): Term {
  const unique = [...new Set(letters)];
  if (unique.length === letters.length) return { x, letters };
  const own = stridesOf(x.shape);
  const along = (letter: string): number =>
    [...letters].reduce((total, l, d) => total + (l === letter ? (own[d] ?? 0) : 0), 0);
  const shape = unique.map((letter) => x.shape[letters.indexOf(letter)] ?? 1);
  const from = { offset: 0, strides: unique.map(along) };
  const out = assemble("einsum", x, shape, [{ shape, from, to: whole(shape) }]);
  return { x: out, letters: unique.join("") };
}

/** Sums over letters that nothing needs. */
function summed({ x, letters }: Term, needed: string): Term {
  const over = [...letters].flatMap((letter, d) => (needed.includes(letter) ? [] : [d]));
  if (over.length === 0) return { x, letters };
  return { x: sum(x, over), letters: only(letters, (l) => needed.includes(l)) };
}

function ordered({ x, letters }: Term, wanted: string): Tensor {
  if (letters === wanted) return x;
  return permute(
    x,
    [...wanted].map((letter) => letters.indexOf(letter)),
  );
}

const only = (letters: string, keep: (letter: string) => boolean): string =>
  [...letters].filter(keep).join("");

/** One batched matrix product: letters of both that are needed later are batches, others inner. */
function multiply(first: Term, second: Term, later: string): Term {
  const a = summed(first, second.letters + later);
  const b = summed(second, first.letters + later);
  const both = only(a.letters, (l) => b.letters.includes(l));
  const batch = only(both, (l) => later.includes(l));
  const inner = only(both, (l) => !later.includes(l));
  const rows = only(a.letters, (l) => !both.includes(l));
  const columns = only(b.letters, (l) => !both.includes(l));
  const size = (letters: string): number[] =>
    [...letters].map(
      (l) => a.x.shape[a.letters.indexOf(l)] ?? b.x.shape[b.letters.indexOf(l)] ?? 1,
    );
  const count = (letters: string): number => size(letters).reduce((n, d) => n * d, 1);
  // Whichever way needs no copy: the kernel reads either side transposed.
  const transA = a.letters === batch + inner + rows;
  const transB = b.letters !== batch + inner + columns;
  const [m, k, n] = [count(rows), count(inner), count(columns)];
  const left = ordered(a, transA ? batch + inner + rows : batch + rows + inner);
  const right = ordered(b, transB ? batch + columns + inner : batch + inner + columns);
  const product = matmul(
    reshape(left, [count(batch), ...(transA ? [k, m] : [m, k])]),
    reshape(right, [count(batch), ...(transB ? [n, k] : [k, n])]),
    { transA, transB },
  );
  const letters = batch + rows + columns;
  return { x: reshape(product, size(letters)), letters };
}
