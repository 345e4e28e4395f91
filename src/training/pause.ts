import type { StateDict } from "../io/state-dict.js";
import type { Module } from "../nn/module.js";
import { loadStateDict, stateDict } from "../nn/state-dict.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { EpochProgress, FitOptions, StepProgress } from "./fit.js";

/** All it takes to go on after `epochs` epochs as if there had been no pause. */
export interface PausedFit {
  /** Epochs done. */
  readonly epochs: number;
  /** Mean cross-entropy of the last of them. */
  readonly loss: number;
  readonly model: StateDict;
  /** The optimizer's state, as its `save` gives it. */
  readonly optimizer: Float32Array;
  /** Where the loss scale was, in mixed precision. */
  readonly lossScale?: LossScale;
  /** The other models of the step and their optimizers, in the order of `updates`. */
  readonly others?: readonly Pick<PausedFit, "model" | "optimizer">[];
}

export interface PauseHooks {
  onEpoch?: (progress: EpochProgress) => Promise<void> | void;
  /** Called after onEpoch with what a later call may go on from. */
  onPause?: (state: PausedFit) => Promise<void>;
  /** Where to go on. */
  resume?: PausedFit;
  /** Of what is more than one training: the next part begins. `fit` is one, and knows of none. */
  onStage?: (stage: string) => void;
  /** The steps of a part that is done again by a run that goes on: they show how far it is, no more. */
  onPart?: (progress: StepProgress) => void;
}

/** A model and what trains it. */
export interface Trained {
  readonly model: Module;
  readonly optimizer: Optimizer;
}

/**
 * Puts models and optimizers where a paused run was; gives the options by which `fit` goes on, the
 * other hooks among them.
 *
 * @param updates the further updates that `fit` is given
 * @throws RangeError when the paused run had another number of them
 */
export function pausable<H extends PauseHooks>(
  model: Module,
  optimizer: Optimizer,
  hooks: H,
  updates: readonly Trained[] = [],
): Omit<H, keyof PauseHooks> & Pick<FitOptions, "lossScale" | "onEpoch" | "startEpoch"> {
  const { onEpoch, onPause, resume, onStage: _, onPart: __, ...others } = hooks;
  if (resume) {
    const { others = [] } = resume;
    if (others.length !== updates.length) {
      throw new RangeError(
        `pausable: the paused run trained ${others.length} other models, this one ${updates.length}`,
      );
    }
    load({ model, optimizer }, resume);
    for (const [i, other] of others.entries()) load(updates[i] as Trained, other);
  }
  return {
    ...others,
    startEpoch: resume?.epochs ?? 0,
    ...(resume?.lossScale && { lossScale: resume.lossScale }),
    onEpoch: async (progress) => {
      await onEpoch?.(progress);
      await onPause?.({
        epochs: progress.epoch + 1,
        loss: progress.loss,
        ...(await save({ model, optimizer })),
        ...(updates.length > 0 && { others: await Promise.all(updates.map(save)) }),
        ...(progress.lossScale && { lossScale: progress.lossScale }),
      });
    },
  };
}

function load({ model, optimizer }: Trained, state: Pick<PausedFit, "model" | "optimizer">): void {
  loadStateDict(model, state.model);
  optimizer.load(state.optimizer);
}

const save = async ({ model, optimizer }: Trained) => ({
  model: await stateDict(model),
  optimizer: await optimizer.save(),
});
