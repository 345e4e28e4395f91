import type { Images } from "../data/image-source.js";
import type { Batch } from "../data/loader.js";
import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import type { ImageBatch, Moment } from "../training/feed.js";
import type { Trained } from "../training/pause.js";
import type { Objective, Update } from "../training/step.js";

/** The victim whose training an attack takes part in. */
export interface LoopContext {
  /** Placed; the attack leaves its training to the loop. */
  readonly model: Classifier;
  /** What the victim is trained on. */
  readonly set: Images;
  /** Poisoned images as a share of a batch, where the loop poisons. */
  readonly rate: number;
  /** The class that a triggered image of a class shall be taken for. */
  readonly targetOf: (label: number) => number;
  readonly seed: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** What a victim minimises without the attack. */
  readonly objective: Objective<ImageBatch>;
}

/** What an attack does inside a training, from its beginning to its end. */
export interface LoopPart {
  /** Before a batch goes to the device: may change its images and labels in place. */
  onBatch?(batch: Batch, at: Moment): void;
  /** In place of the victim's own. */
  readonly objective?: Objective<ImageBatch>;
  /** Networks of the attack, trained in every step after the victim. */
  readonly updates?: readonly Update<ImageBatch>[];
  /** What of them a pause keeps: as many as `updates`, in their order. */
  readonly trained?: readonly Trained[];
  /** The state that triggers are drawn with from now on, in place of what `prepare` gave. */
  state?(): Promise<StateDict>;
  release?(): void;
}

export interface InLoop {
  /** Whether the loop poisons (then the images before are left as they are). */
  readonly poisons: boolean;
  begin(context: LoopContext): LoopPart;
}
