import { ShapeError } from "../device/errors.js";
import { findInValues, hasFiniteValues, NonFiniteError } from "./finite.js";
import { ModelDataError } from "./model-data.js";
import type { Update } from "./step.js";
import type { StepRunner } from "./step-runner.js";

export interface PrepareOptions {
  readonly batchSize: number;
  readonly onCompile?: (done: number, all: number) => void;
}

/** Records the steps of all batch sizes, so that what a model refuses it refuses before the first one. */
export async function prepare(
  runner: Pick<StepRunner<never, never>, "prepare">,
  sizes: readonly number[],
  { batchSize, onCompile }: PrepareOptions,
): Promise<void> {
  for (const size of sizes) {
    try {
      await runner.prepare(size, onCompile);
    } catch (cause) {
      if (!(cause instanceof ShapeError) || size === batchSize) throw cause;
      throw new ModelDataError(
        `fit: the last batch of an epoch has ${size} of the ${batchSize} examples of a batch, which ` +
          `the model refuses (${cause.message}); leave it out (dropLast), or choose another batchSize`,
        { cause },
      );
    }
  }
}

type Updates = readonly Pick<Update<never>, "model" | "mixed">[];

/** @throws NonFiniteError when a model is not finite before any step */
export async function checkStart(updates: Updates): Promise<void> {
  for (const { model } of updates) {
    if (await hasFiniteValues(model)) continue;
    const { layer, detail } = await findInValues(model);
    throw new NonFiniteError(
      `fit: the model is not finite before the first step: ${detail}. Such a model cannot be trained: ` +
        "its earlier training diverged or its file is damaged",
      layer,
    );
  }
}

/** @throws NonFiniteError when a model is not finite after the step */
export async function checkValues(updates: Updates, step: number): Promise<void> {
  for (const { model } of updates) {
    if (!(await hasFiniteValues(model))) throw await diverged(updates, step, null);
  }
}

/** What a training that diverged ends with. @param loss null where it was finite, and the update after it was not */
export async function diverged(
  updates: Updates,
  step: number,
  loss: number | null,
): Promise<NonFiniteError> {
  const found = await Promise.all(updates.map(({ model }) => findInValues(model)));
  const first = found.find(({ layer }) => layer !== null) ?? found[0];
  const mixed = updates.some((update) => update.mixed);
  const what =
    loss === null
      ? `the update of step ${step} is not finite`
      : `the loss became ${loss} at step ${step}`;
  return new NonFiniteError(
    `${what}: training diverged (${first?.detail}); lower the learning rate` +
      (mixed ? ', or train with precision "f32"' : ""),
    first?.layer ?? null,
    step,
  );
}
