import { backward } from "../autograd/tape.js";
import type { Recording } from "../device/device.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Tensor } from "../tensor/tensor.js";
import { type StepContext, StepValues } from "./context.js";
import type { Feed, Moment } from "./feed.js";
import type { MixedPrecision } from "./precision.js";

/** The scalar that a step minimises, made of ops. It runs once, while the step is recorded. */
export type Objective<Batch> = (batch: Batch, context: StepContext) => Tensor;

/**
 * How the gradients of a step come to be: evaluates the objective and back-propagates, by default
 * once. Sharpness-aware minimisation does it twice, at two places.
 */
export type GradientRule = (step: {
  /** Runs the objective anew. */
  evaluate(): Tensor;
  /** Leaves d(loss)/d(parameters) where the optimizer takes them; knows the loss scale. */
  backward(loss: Tensor): void;
}) => void;

/** What one optimizer does in a step. */
export interface Update<Batch> {
  /** Trained by the optimizer, and run by `context.forward`. */
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly objective: Objective<Batch>;
  readonly gradients?: GradientRule;
  /** Follows the optimizer's step; made of ops. */
  readonly afterStep?: () => void;
  /** Trains in mixed precision, with these weights and this loss scale. Default: in f32. */
  readonly mixed?: MixedPrecision;
}

const once: GradientRule = ({ evaluate, backward: back }) => back(evaluate());

/**
 * One training step for batches of one size: the objective, its gradients, the optimizer. In mixed
 * precision a step whose gradients overflow updates nothing, which the device decides. It is recorded
 * once and replayed, so a step is encoding alone: no shapes, no graph, no allocation. What differs
 * between steps (the batch, random states, the context's inputs, learning rate, step count) is data.
 */
export class TrainStep<Batch> {
  readonly #recording: Recording;
  readonly #values: StepValues;

  /** @param others models that the objective may run but that other updates train */
  constructor(update: Update<Batch>, feed: Feed<never, Batch>, others: readonly Module[] = []) {
    const { device } = placementOf(update.model);
    this.#values = new StepValues(device);
    const thaw = freeze(others, update.model);
    try {
      this.#recording = device.capture(() => {
        using _ = device.scope();
        this.#record(update, feed);
      });
    } catch (error) {
      this.#values.release();
      throw error;
    } finally {
      thaw();
    }
  }

  #record(update: Update<Batch>, feed: Feed<never, Batch>): void {
    const { model, optimizer, objective, mixed, gradients = once, afterStep } = update;
    const values = this.#values;
    const batch = feed.batch();
    mixed?.refresh();
    const context: StepContext = {
      forward: (x) => (mixed ? mixed.forward(x) : model.forward(x)),
      input: (name, shape, write, dtype) => values.input(name, shape, write, dtype),
      random: (name) => values.random(name),
      report: (name, value) => values.report(name, value),
    };
    gradients({
      evaluate: () => {
        const loss = objective(batch, context);
        if (!values.has("loss")) values.report("loss", loss);
        return loss;
      },
      backward: (loss) => backward(mixed ? mixed.scaler.scale(loss) : loss, { release: true }),
    });
    optimizer.step(mixed?.scaler);
    afterStep?.();
  }

  /** Compiles the step's kernels ahead of its first run; see `Recording.ready`. */
  ready(onProgress?: (done: number, all: number) => void): Promise<void> {
    return this.#recording.ready(onProgress);
  }

  /** Enqueues the step on what the feed holds; resolves to what it reports, the loss among them. */
  run(at: Moment): Promise<Record<string, number>> {
    this.#values.write(at);
    this.#recording.replay();
    return this.#values.read();
  }

  release(): void {
    this.#recording.release();
    this.#values.release();
  }
}

/** Takes gradients away from parameters of `models` that are not `except`'s; returns the way back. */
function freeze(models: readonly Module[], except: Module): () => void {
  const kept = new Set(except.parameters().map(([, p]) => p));
  const frozen = models
    .flatMap((model) => model.parameters().map(([, p]) => p))
    .filter((p) => p.trainable && !kept.has(p));
  for (const p of frozen) p.trainable = false;
  return () => {
    for (const p of frozen) p.trainable = true;
  };
}
