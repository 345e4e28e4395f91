import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import { loadStateDict, stateDict } from "../nn/state-dict.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { EpochProgress, FitOptions } from "./fit.js";

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
}

export interface PauseHooks {
  onEpoch?: (progress: EpochProgress) => Promise<void> | void;
  /** Called after onEpoch with what a later call may go on from. */
  onPause?: (state: PausedFit) => Promise<void>;
  /** Where to go on. */
  resume?: PausedFit;
}

/** Puts model and optimizer where a paused run was; gives the options by which `fit` goes on. */
export function pausable(
  model: Classifier,
  optimizer: Optimizer,
  { onEpoch, onPause, resume }: PauseHooks,
): Pick<FitOptions, "lossScale" | "onEpoch" | "startEpoch"> {
  if (resume) {
    loadStateDict(model, resume.model);
    optimizer.load(resume.optimizer);
  }
  return {
    startEpoch: resume?.epochs ?? 0,
    ...(resume?.lossScale && { lossScale: resume.lossScale }),
    onEpoch: async (progress) => {
      await onEpoch?.(progress);
      await onPause?.({
        epochs: progress.epoch + 1,
        loss: progress.loss,
        model: await stateDict(model),
        optimizer: await optimizer.save(),
        ...(progress.lossScale && { lossScale: progress.lossScale }),
      });
    },
  };
}
