import type { Shape } from "../../../src/tensor/shape.js";
import type { Operation } from "./operation.js";
import type { Noise } from "./spread.js";
import {
  type Block,
  type Culprit,
  contentOf,
  MeaninglessProgram,
  type Node,
  type Ref,
  refusal,
  type Scope,
  topological,
  tracked,
  type Verdict,
  worse,
} from "./tensors.js";
import { plus, type Value } from "./value.js";

/**
 * Tensors, their memory and the gradient graph in float64: what the library has to compute, and
 * where it has to refuse. A value is what it was when an op read it; whether its memory still holds
 * it decides the verdict.
 */
export class Machine {
  readonly #releases: boolean;
  readonly #noise: Noise;
  readonly #scopes: Scope[] = [];
  readonly #outer: Scope | null;
  /** The leaves' gradients, and whether a step took them. */
  readonly #grads = new Map<Ref, { readonly block: Block; spent: boolean }>();
  /** Ops of the last backward pass that lack something. */
  culprits: readonly Culprit[] = [];

  constructor(releases: boolean, scoped: boolean, noise: Noise = (data) => data) {
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
    const updates = op.updates?.(values) ?? new Map<number, Value>();
    for (const [i, { data }] of updates)
      this.#overwrite((inputs[i] as Ref).block, this.#noise(data));
    const block = op.view ? (inputs[0] as Ref).block : this.#block(this.#noise(y.data), true);
    const result = { shape: y.shape, data: block.data };
    const read = inputs.filter((_, i) => !updates.has(i)).map((x) => x.block);
    const saved = [...read, block].map((b) => ({ block: b, version: b.version }));
    const node = { op, inputs, values, result, saved, scopes: [...this.#scopes], spent: false };
    const records = !noGrad && !op.cuts && inputs.some(tracked);
    return { verdict, out: this.#ref(block, y.shape, false, records ? node : undefined) };
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
    this.#overwrite(x.block, integers ? data : this.#noise(data));
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
      const terms = op.terms?.(g, values) ?? 0;
      op.backward(g, values, result).forEach((part, i) => {
        const input = inputs[i];
        if (!part || !input || !tracked(input)) return;
        const noisy = { shape: part.shape, data: this.#noise(part.data, i === 0 ? terms : 0) };
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
      const { op, inputs, saved, scopes, spent } = x.node;
      const lost = saved.some(
        ({ block, version }) => !block.live || block.doubtful || block.version !== version,
      );
      if (spent) culprits.push({ op: op.name, shapes: [] });
      if (lost || scopes.some(({ ended }) => ended)) {
        culprits.push({ op: op.name, shapes: [...inputs, x].map(({ shape }) => shape) });
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

  #overwrite(block: Block, data: Float64Array): void {
    block.data = data;
    block.version++;
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
