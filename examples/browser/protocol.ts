/** What the page and its worker tell each other. */
import type { Examination } from "shiftgrad";
import type { Settings } from "./settings.js";

/** The victim's training, then its purification by each method, from the same checkpoint. */
export const phases = ["victim", "ft", "fst"] as const;
export type Phase = (typeof phases)[number];

/** One test image as data URLs, and the name of its true class. */
export interface Picture {
  readonly label: string;
  readonly clean: string;
  readonly triggered: string;
  /** What the trigger changed, amplified about mid-grey. */
  readonly difference: string;
}

/**
 * Start a run, go on with the kept one of these settings, or measure the variants of its training
 * step's kernels on WebGPU.
 */
export interface Start {
  readonly kind: "start" | "continue" | "measure";
  readonly settings: Settings;
}

export interface Stop {
  readonly kind: "stop";
}

/** What makes up a run: told again in this order, it shows what was shown. */
export type RunReport =
  | { readonly kind: "device"; readonly text: string; readonly note: string | null }
  | {
      readonly kind: "data";
      readonly pictures: readonly Picture[];
      readonly classes: readonly string[];
      /** The class that the attacker wants. */
      readonly target: string;
    }
  | {
      readonly kind: "step";
      readonly phase: Phase;
      readonly epoch: number;
      /** Steps done of the phase's. */
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      /** Images a second since the phase began. */
      readonly rate: number;
    }
  /** A look at some test images, for the curves. */
  | {
      readonly kind: "epoch";
      readonly phase: Phase;
      /** Epochs done of the phase's. */
      readonly epoch: number;
      readonly examination: Examination;
      /** Since the run began, pauses left out. */
      readonly seconds: number;
    }
  /** What a finished phase's model does with all test images, and what it says to the pictures. */
  | {
      readonly kind: "result";
      readonly phase: Phase;
      readonly examination: Examination;
      readonly answers: readonly string[];
    }
  /** Something to know about the run or its keeping. */
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "done"; readonly seconds: number };

export type Report =
  | RunReport
  /** What is done before and between steps; `share` of it, where that is known. */
  | { readonly kind: "busy"; readonly text: string; readonly share?: number }
  /** Shapes measured now or in earlier visits, and for how many the preset was not the fastest. */
  | { readonly kind: "measured"; readonly shapes: number; readonly changed: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly message: string };
