import type { Shape } from "../../../src/tensor/shape.js";
import type { Operation } from "./operation.js";
import type { Value } from "./value.js";

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

export interface Node {
  readonly op: Operation;
  readonly inputs: readonly Ref[];
  /** The values as they were, whatever becomes of their memory. */
  readonly values: readonly Value[];
  readonly result: Value;
  /** What the gradient may be made from, inputs and result, and its version then. */
  readonly saved: readonly { readonly block: Block; readonly version: number }[];
  readonly scopes: readonly Scope[];
  spent: boolean;
}

export interface Scope {
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

/** A loss from which no backward pass can start. */
export function refusal(loss: Ref): Verdict | null {
  if (loss.block.data.length !== 1) throw new MeaninglessProgram("the loss is no scalar");
  return !tracked(loss) || loss.spent ? "must fail" : null;
}

/** The tracked tensors that the loss depends on, every one before its inputs. */
export function topological(loss: Ref): Ref[] {
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
