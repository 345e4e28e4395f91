import type { Device } from "../device/device.js";
import { ShapeError } from "../device/errors.js";
import { randomState } from "../ops/random.js";
import { lasting } from "../tensor/create.js";
import { Philox } from "../tensor/random.js";
import { formatShape, type Shape } from "../tensor/shape.js";
import type { DType, Tensor } from "../tensor/tensor.js";
import type { Moment } from "./feed.js";

/** What an objective may use beside its batch. Call it while the objective runs, not later. */
export interface StepContext {
  /** The trained model's output for a batch of inputs; in mixed precision by its f16 weights. */
  forward(x: Tensor): Tensor;
  /**
   * Values that the host writes before every step: weights that follow a schedule, masks, draws. The
   * step is recorded once, so a plain number in an objective stays what it was then.
   */
  input(
    name: string,
    shape: Shape,
    values: (at: Moment) => ArrayLike<number>,
    dtype?: Exclude<DType, "f16">,
  ): Tensor;
  /** The state that a random op draws from (u32 [4]), another one in every step and for every name. */
  random(name: string): Tensor;
  /** Tells a scalar of every step in `StepProgress.reports`; "loss" also takes the loss's place. */
  report(name: string, value: Tensor): void;
}

interface StepInput {
  readonly tensor: Tensor;
  readonly values: (at: Moment) => ArrayLike<number>;
}

/** The inputs and reports of one recorded step. */
export class StepValues {
  readonly #device: Device;
  readonly #inputs = new Map<string, StepInput>();
  readonly #reports = new Map<string, Tensor>();

  constructor(device: Device) {
    this.#device = device;
  }

  input(
    name: string,
    shape: Shape,
    values: StepInput["values"],
    dtype: Exclude<DType, "f16"> = "f32",
  ): Tensor {
    const found = this.#inputs.get(name);
    if (found) {
      const { tensor } = found;
      if (formatShape(tensor.shape) === formatShape(shape) && tensor.dtype === dtype) return tensor;
      throw new ShapeError(
        `context.input: "${name}" is ${formatShape(tensor.shape)} ${tensor.dtype} in this step ` +
          `already, not ${formatShape(shape)} ${dtype}; give the second one another name`,
      );
    }
    const tensor = lasting(this.#device, shape, dtype, `step input ${name}`);
    this.#inputs.set(name, { tensor, values });
    return tensor;
  }

  random(name: string): Tensor {
    return this.input(
      `random ${name}`,
      [4],
      ({ seed, epoch, step }) => {
        const own = new Philox(seed, 0, `step input ${name}`).uint32();
        const state = randomState(seed, epoch, step);
        state[1] = own;
        return state;
      },
      "u32",
    );
  }

  /** Keeps a copy of a scalar; the last one told under a name counts. */
  report(name: string, value: Tensor): void {
    if (value.size !== 1 || value.dtype !== "f32") {
      throw new ShapeError(
        `context.report: "${name}" must be an f32 scalar, not ${formatShape(value.shape)} ${value.dtype}`,
      );
    }
    let kept = this.#reports.get(name);
    if (!kept) {
      kept = lasting(this.#device, [], "f32", `the step's ${name}`);
      this.#reports.set(name, kept);
    }
    this.#device.run("copy", { src: value.slice, dst: kept.slice });
  }

  has(name: string): boolean {
    return this.#reports.has(name);
  }

  /** Writes what the next step takes. */
  write(at: Moment): void {
    for (const { tensor, values } of this.#inputs.values()) tensor.write(values(at));
  }

  /** What the step last enqueued tells. */
  async read(): Promise<Record<string, number>> {
    const told = [...this.#reports].map(
      async ([name, value]) => [name, await value.item()] as const,
    );
    return Object.fromEntries(await Promise.all(told));
  }

  release(): void {
    for (const { tensor } of this.#inputs.values()) tensor.release();
    for (const value of this.#reports.values()) value.release();
  }
}
