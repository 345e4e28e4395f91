import { formatShape, type Shape, sameShape } from "../../src/tensor/shape.js";
import type { Id, Instruction, Program } from "./program.js";
import type { Choices } from "./random.js";
import type { Operation } from "./reference/operation.js";
import { MeaninglessProgram, type Verdict } from "./reference/tensors.js";
import { rms, sizeOf } from "./reference/value.js";
import { Interpreter } from "./simulate.js";

/** Values that float32 computes with well: neither large nor small. */
const sound = (data: Float64Array): boolean =>
  data.every((v) => Math.abs(v) < 30) && rms(data) > 0.05 && rms(data) < 10;

const largest = 160;

/** A program as it grows: each instruction is run by the reference as soon as it is there. */
export class Builder {
  readonly random: Choices;
  readonly scoped: boolean;
  readonly body: Instruction[] = [];
  readonly #interpreter: Interpreter;
  #count = 0;
  /** What ops may take: floats, integers apart. */
  live: Id[] = [];
  readonly leaves: { id: Id; kind: "parameter" | "constant" | "integers" }[] = [];
  /** Whether the program has to end here. */
  over = false;

  constructor(random: Choices, program: Omit<Program, "body">) {
    this.random = random;
    this.scoped = program.scoped;
    this.#interpreter = new Interpreter(program, false);
  }

  shape(id: Id): Shape {
    return this.#interpreter.at(id).shape;
  }

  tracks(id: Id): boolean {
    return this.#interpreter.tracks(id);
  }

  hasGradient(id: Id): boolean {
    return this.#interpreter.hasGradient(id);
  }

  name(): Id {
    return `t${this.#count++}`;
  }

  run(instruction: Instruction): Verdict {
    const { verdict } = this.#interpreter.run(instruction);
    this.body.push(instruction);
    if (verdict === "must fail") this.over = true;
    return verdict;
  }

  leaf(kind: "parameter" | "constant", shape: Shape, low = -1.5, high = 1.5): Id {
    const values = this.random.values(sizeOf(shape), low, high);
    const next = values.map((v) =>
      Math.fround(v * (1 + 0.04 * (this.random.chance(0.5) ? 1 : -1))),
    );
    return this.#leaf({ do: "leaf", to: this.name(), shape, values, next, kind });
  }

  integers(count: number, below: number): Id {
    const draw = () => Array.from({ length: count }, () => this.random.integer(0, below - 1));
    const values = draw();
    return this.#leaf({
      ...{ do: "leaf", to: this.name(), shape: [count], values, next: draw(), kind: "integers" },
    });
  }

  #leaf(leaf: Extract<Instruction, { do: "leaf" }>): Id {
    this.run(leaf);
    this.leaves.push({ id: leaf.to, kind: leaf.kind });
    return leaf.to;
  }

  /** The result of an op, if it is one that float32 computes well. */
  apply(op: Operation, of: readonly Id[], noGrad = false): Id | null {
    const inputs = of.map((id) => this.#interpreter.contentOf(id));
    if (!op.suits(inputs)) return null;
    const y = op.forward(inputs);
    if (y.data.length > largest || (!op.updates && !op.cuts && !sound(y.data))) return null;
    const to = this.name();
    this.run({ do: "apply", to, op, of, noGrad });
    this.live.push(to);
    return to;
  }

  /** As `apply`, of an op that the program cannot go on without. */
  need(op: Operation, of: readonly Id[]): Id {
    const made = this.apply(op, of);
    if (made === null) {
      const shapes = of.map((id) => formatShape(this.shape(id)));
      throw new MeaninglessProgram(`${op.label} does not suit ${shapes}`);
    }
    return made;
  }

  /** Something live of a kind. */
  find(wanted: (shape: Shape, id: Id) => boolean): Id | null {
    const fitting = this.live.filter((id) => wanted(this.shape(id), id));
    return fitting.length > 0 ? this.random.recent(fitting) : null;
  }

  sameShape(id: Id): Id | null {
    return this.find((shape, other) => other !== id && sameShape(shape, this.shape(id)));
  }

  forget(ids: Iterable<Id>): void {
    const gone = new Set(ids);
    this.live = this.live.filter((id) => !gone.has(id));
  }

  /** The program, leaves first: a recording's lie outside of it. */
  finished(): Instruction[] {
    const leaves = this.body.filter((i) => i.do === "leaf");
    return [...leaves, ...this.body.filter((i) => i.do !== "leaf")];
  }
}
