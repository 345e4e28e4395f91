import type { Shape } from "../../../src/tensor/shape.js";
import type { Operation } from "./operation.js";
import { plus, type Value } from "./value.js";

/**
 * What may come of a step: it works, or it may fail where it would have to read what is no longer
 * there, or it has to fail. A step that works gives the right number, always.
 */
export type Verdict = "works" | "may fail" | "must fail";

export const worse = (a: Verdict, b: Verdict): Verdict =>
  a === "must fail" || b === "must fail" ? "must fail" : a === "works" ? b : a;

/** A block of memory, which views share. */
export interface Block {
  data: Float64Array;
  live: boolean;
  /** A releasing backward pass has gone over it: it may be gone. */
  doubtful: boolean;
  kept: boolean;
  /** How often it was overwritten. */
  version: number;
  /** Made by an op, not by hand. */
  readonly result: boolean;
}

/** A tensor. */
export interface Ref {
  readonly block: Block;
  readonly shape: Shape;
  readonly requiresGrad: boolean;
  /** Of a placed model: neither it nor its gradient belongs to a scope. */
  readonly placed: boolean;
  readonly node: Node | undefined;
  /** A releasing backward pass began here. */
  spent: boolean;
}

interface Node {
  readonly op: Operation;
  readonly inputs: readonly Ref[];
  /** The values as they were, whatever becomes of their memory. */
  readonly values: readonly Value[];
  readonly result: Value;
  readonly versions: readonly number[];
  readonly scopes: readonly Scope[];
  spent: boolean;
}

interface Scope {
  readonly owned: Set<Block>;
  ended: boolean;
}

/** An op on the way of a failing backward pass and the shape of what was lost. */
export interface Culprit {
  readonly op: string;
  /** None where the whole op is spent. */
  readonly shapes: readonly Shape[];
}

/** A program that means nothing: it is drawn again. */
export class MeaninglessProgram extends Error {
  override name = "MeaninglessProgram";
}

export const tracked = (x: Ref): boolean => x.requiresGrad || x.node !== undefined;

export const contentOf = (x: Ref): Value => ({ shape: x.shape, data: x.block.data });

/**
 * Tensors, their memory and the gradient graph in float64: what the library has to compute, and
 * where it has to refuse. A value is what it was when an op read it; whether its memory still holds
 * it decides the verdict.
 */
export class Machine {
  readonly #releases: boolean;
  readonly #noise: (data: Float64Array) => Float64Array;
  readonly #scopes: Scope[] = [];
  readonly #outer: Scope | null;
  /** The leaves' gradients, and whether a step took them. */
  readonly #grads = new Map<Ref, { readonly block: Block; spent: boolean }>();
  /** Ops of the last backward pass that lack something. */
  culprits: readonly Culprit[] = [];

  constructor(
    releases: boolean,
    scoped: boolean,
    noise: (data: Float64Array) => Float64Array = (data) => data,
  ) {
    this.#releases = releases;
    this.#noise = noise;
    if (scoped) this.#scopes.push({ owned: new Set(), ended: false });
    this.#outer = this.#scopes[0] ?? null;
  }

  /** Leaves are made before everything else. */
  leaf(shape: Shape, data: Float64Array, kind: "parameter" | "constant" | "integers"): Ref {
    const values = kind === "integers" ? data : this.#noise(data);
    return this.#ref(this.#block(values, false, this.#outer), shape, kind === "parameter");
  }

  /** A parameter or statistic of a placed model. */
  placed(shape: Shape, data: Float64Array, trained: boolean): Ref {
    const block = this.#block(this.#noise(data), false, null);
    return { ...this.#ref(block, shape, trained), placed: true };
  }

  apply(op: Operation, inputs: readonly Ref[], noGrad = false): { verdict: Verdict; out: Ref } {
    const values = inputs.map(contentOf);
    if (!op.suits(values)) throw new MeaninglessProgram(`${op.label} at a kink`);
    const y = op.forward(values);
    if (!y.data.every(Number.isFinite)) throw new MeaninglessProgram(`${op.label} is not finite`);
    const verdict = this.#usable(inputs);
    const versions = inputs.map(({ block }) => block.version);
    for (const [i, { data }] of op.updates?.(values) ?? []) {
      const block = (inputs[i] as Ref).block;
      block.data = this.#noise(data);
      block.version++;
    }
    const block = op.view ? (inputs[0] as Ref).block : this.#block(this.#noise(y.data), true);
    const records = !noGrad && !op.cuts && inputs.some(tracked);
    const scopes = [...this.#scopes];
    const result = { shape: y.shape, data: block.data };
    const node = { op, inputs, values, result, scopes, spent: false };
    const recorded = records ? { ...node, versions: [...versions, block.version] } : undefined;
    return { verdict, out: this.#ref(block, y.shape, false, recorded) };
  }

  detach(x: Ref): { verdict: Verdict; out: Ref } {
    // A view of what is gone is as good as gone itself: it can be refused at once or when it is used.
    const verdict = this.#usable([x]) === "works" ? "works" : "may fail";
    return { verdict, out: this.#ref(x.block, x.shape, false) };
  }

  read(x: Ref): { verdict: Verdict; value: Value } {
    return { verdict: this.#usable([x]), value: contentOf(x) };
  }

  write(x: Ref, data: Float64Array, integers: boolean): Verdict {
    const verdict = this.#usable([x]);
    x.block.data = integers ? data : this.#noise(data);
    x.block.version++;
    return verdict;
  }

  keep(x: Ref): Verdict {
    const verdict = this.#usable([x]);
    x.block.kept = true;
    for (const { owned } of this.#scopes) owned.delete(x.block);
    return verdict;
  }

  release(x: Ref): Verdict {
    const verdict = this.#usable([x]);
    x.block.live = false;
    return verdict;
  }

  open(): void {
    this.#scopes.push({ owned: new Set(), ended: false });
  }

  close(): void {
    const scope = this.#scopes.pop();
    if (!scope || scope === this.#outer) throw new MeaninglessProgram("no scope is open");
    scope.ended = true;
    for (const block of scope.owned) block.live = false;
  }

  /** Ends all scopes but the outermost. */
  closeInner(): void {
    while (this.#scopes.length > 0 && this.#scopes.at(-1) !== this.#outer) this.close();
  }

  /**
   * The gradient that a leaf has, null if it has none. What a step took may still be seen, and counts
   * no more: nothing is said of it.
   */
  grad(x: Ref): { verdict: Verdict; value: Value | null | undefined } {
    const found = this.#grads.get(x);
    if (found?.spent) return { verdict: "works", value: undefined };
    return {
      verdict: found && !found.block.live ? "may fail" : "works",
      value: found ? { shape: x.shape, data: found.block.data } : null,
    };
  }

  /** The gradient that a leaf has as a tensor: good until the next backward pass. */
  takeGrad(x: Ref): { verdict: Verdict; out: Ref } {
    const found = this.#grads.get(x);
    if (!found || found.spent) throw new MeaninglessProgram("no gradient to take");
    return { verdict: this.grad(x).verdict, out: this.#ref(found.block, x.shape, false) };
  }

  /** What an optimizer's step takes: nothing is added to it any more. */
  consume(leaves: readonly Ref[]): void {
    for (const leaf of leaves) {
      const taken = this.#grads.get(leaf);
      if (taken) taken.spent = true;
    }
  }

  backward(loss: Ref, accumulate: boolean): Verdict {
    const refused = refusal(loss);
    if (refused) return refused;
    const order = topological(loss);
    let verdict = this.#hazards(order);
    const found = this.#propagate(loss, order);
    const earlier = new Set([...this.#grads.values()].map(({ block }) => block));
    if (earlier.size > 0) {
      // The new gradients may be written to where the earlier ones are.
      const needed = order.filter(({ node }) => node?.inputs.some((x) => earlier.has(x.block)));
      if (needed.length > 0) verdict = worse(verdict, "may fail");
      for (const { node } of needed) this.#suspect(node?.op, node?.inputs ?? []);
      for (const block of earlier) block.doubtful = true;
    }
    if (!accumulate) this.#grads.clear();
    for (const x of order) {
      const gradient = found.get(x);
      if (x.node || !gradient) continue;
      const had = this.#grads.get(x);
      const before = had?.spent ? undefined : had?.block;
      if (before && !before.live) {
        verdict = worse(verdict, "may fail");
        this.#suspect({ name: "backward" }, [x]);
      }
      const home = x.placed ? null : before ? this.#homeOf(before) : undefined;
      const value = before ? plus({ shape: x.shape, data: before.data }, gradient) : gradient;
      this.#grads.set(x, { block: this.#block(value.data, false, home), spent: false });
    }
    if (this.#releases) {
      loss.spent = true;
      for (const { node, block } of order) {
        if (!node) continue;
        node.spent = true;
        if (block.result && !block.kept) block.doubtful = true;
      }
    }
    return verdict;
  }

  gradients(loss: Ref, wrt: readonly Ref[]): { verdict: Verdict; out: readonly Ref[] } {
    const none = wrt.map((x) => this.#ref(this.#block(x.block.data, false), x.shape, false));
    const refused = refusal(loss);
    if (refused) return { verdict: refused, out: none };
    const order = topological(loss);
    const onTheWay = new Set<Ref>();
    for (const x of [...order].reverse()) {
      if (x.node?.inputs.some((input) => wrt.includes(input) || onTheWay.has(input))) {
        onTheWay.add(x);
      }
    }
    const found = this.#propagate(
      loss,
      order.filter((x) => onTheWay.has(x) || wrt.includes(x)),
    );
    if (wrt.some((x) => !found.has(x))) return { verdict: "must fail", out: none };
    return {
      verdict: this.#hazards(order.filter((x) => onTheWay.has(x))),
      out: wrt.map((x) => {
        const { data } = found.get(x) as Value;
        return this.#ref(this.#block(data, false), x.shape, false);
      }),
    };
  }

  #propagate(loss: Ref, order: readonly Ref[]): Map<Ref, Value> {
    const pending = new Map<Ref, Value>();
    pending.set(loss, { shape: loss.shape, data: Float64Array.of(1) });
    for (const x of order) {
      const g = pending.get(x);
      if (!g || !x.node) continue;
      const { op, inputs, values, result } = x.node;
      op.backward(g, values, result).forEach((part, i) => {
        const input = inputs[i];
        if (!part || !input || !tracked(input)) return;
        const noisy = { shape: part.shape, data: this.#noise(part.data) };
        const before = pending.get(input);
        pending.set(input, before ? plus(before, noisy) : noisy);
      });
    }
    return pending;
  }

  /** What on the way is gone, overwritten or in doubt. */
  #hazards(order: readonly Ref[]): Verdict {
    const culprits: Culprit[] = [];
    for (const x of order) {
      if (!x.node) continue;
      const { op, inputs, versions, scopes, spent } = x.node;
      const around = [...inputs, x];
      const lost = around.filter(
        ({ block }, i) => !block.live || block.doubtful || block.version !== versions[i],
      );
      if (spent) culprits.push({ op: op.name, shapes: [] });
      if (lost.length > 0 || scopes.some(({ ended }) => ended)) {
        culprits.push({ op: op.name, shapes: around.map(({ shape }) => shape) });
      }
    }
    this.culprits = culprits;
    return culprits.length > 0 ? "may fail" : "works";
  }

  #suspect(op: Pick<Operation, "name"> | undefined, around: readonly Ref[]): void {
    const shapes = around.map(({ shape }) => shape);
    this.culprits = [...this.culprits, { op: op?.name ?? "", shapes }];
  }

  /** The scope that owns a block; none, or the innermost if it is gone. */
  #homeOf(block: Block): Scope | null | undefined {
    if (!block.live) return undefined;
    return this.#scopes.find(({ owned }) => owned.has(block)) ?? null;
  }

  #usable(inputs: readonly Ref[]): Verdict {
    if (inputs.some(({ block }) => !block.live)) return "must fail";
    return inputs.some(({ block }) => block.doubtful) ? "may fail" : "works";
  }

  #block(
    data: Float64Array,
    result: boolean,
    scope: Scope | null = this.#scopes.at(-1) ?? null,
  ): Block {
    const block = { data, live: true, doubtful: false, kept: !scope, version: 0, result };
    scope?.owned.add(block);
    return block;
  }

  #ref(block: Block, shape: Shape, requiresGrad: boolean, node?: Node): Ref {
    return { block, shape, requiresGrad, node, spent: false, placed: false };
  }
}

/** A loss from which no backward pass can start. */
function refusal(loss: Ref): Verdict | null {
  if (loss.block.data.length !== 1) throw new MeaninglessProgram("the loss is no scalar");
  return !tracked(loss) || loss.spent ? "must fail" : null;
}

/** The tracked tensors that the loss depends on, every one before its inputs. */
function topological(loss: Ref): Ref[] {
  const seen = new Set<Ref>();
  const post: Ref[] = [];
  const visit = (x: Ref): void => {
    if (seen.has(x)) return;
    seen.add(x);
    for (const input of x.node?.inputs ?? []) if (tracked(input)) visit(input);
    post.push(x);
  };
  visit(loss);
  return post.reverse();
}
