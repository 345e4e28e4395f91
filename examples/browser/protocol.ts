/** What the page and its worker tell each other. */

/** What a person may choose. Each field can stand in the page's address: `?width=4&epochs=2`. */
export interface RunConfig {
  device: "auto" | "webgpu" | "cpu";
  /** Channels of the first stage of the ResNet-18. */
  width: number;
  /** Training images; a third as many are drawn for the examiner. */
  images: number;
  epochs: number;
  tuningEpochs: number;
  batchSize: number;
  /** Share of the training images that carry the trigger. */
  rate: number;
  seed: number;
}

/** The command line's demo: enough images and epochs that the backdoor takes hold. */
export const defaults: RunConfig = {
  device: "auto",
  width: 8,
  images: 6000,
  epochs: 8,
  tuningEpochs: 10,
  batchSize: 128,
  rate: 0.02,
  seed: 0,
};

/** The victim's training, then its purification by FST. */
export type Phase = "victim" | "fst";

/** One test image as data URLs, and the name of its true class. */
export interface Picture {
  label: string;
  clean: string;
  triggered: string;
  /** What the trigger changed, amplified about mid-grey. */
  difference: string;
}

/** "start" a run, or "tune": measure the variants of its training step's kernels on WebGPU. */
export interface Start {
  kind: "start" | "tune";
  config: RunConfig;
}

export interface Stop {
  kind: "stop";
}

export type Report =
  | { kind: "device"; text: string; note: string | null }
  | { kind: "busy"; text: string }
  | { kind: "pictures"; pictures: Picture[]; target: string }
  | {
      kind: "step";
      phase: Phase;
      epoch: number;
      epochs: number;
      step: number;
      steps: number;
      loss: number;
      /** Images a second since the phase began. */
      rate: number;
    }
  | { kind: "rates"; phase: Phase; epoch: number; cleanAccuracy: number; attackSuccess: number }
  /** What a finished phase's model says to the triggered pictures. */
  | { kind: "answers"; phase: Phase; classes: string[] }
  | { kind: "done"; seconds: number }
  /** Shapes measured now or in earlier visits, and those of them for which the preset was not the fastest. */
  | { kind: "tuned"; shapes: number; changed: number }
  | { kind: "stopped" }
  | { kind: "failed"; message: string };
