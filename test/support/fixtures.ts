import { readFileSync } from "node:fs";
import type { Conv2dShape } from "../../src/device/kernels/conv2d-call.js";
import type { Pool2dShape } from "../../src/device/kernels/pool2d.js";
import { uniform } from "./random.js";

/** float32 numbers as base64 of their little-endian bytes. */
type Packed = string;

interface BatchNormResult {
  out: Packed;
  dx: Packed;
  dgamma: Packed;
  dbeta: Packed;
  dresidual?: Packed;
}

/** One optimizer run: the parameters after each step, [steps, length]. */
export interface Trajectory<Settings> {
  settings: Settings;
  length: number;
  steps: number;
  params: Packed;
}

/** The learning rate and momentum with which each step is taken. */
export interface Schedule<Settings> {
  settings: Settings;
  lr: number;
  steps: number;
  rates: number[];
  momenta: number[];
}

interface AdamSettings {
  lr: number;
  betas: [number, number];
  eps?: number;
  weight_decay: number;
}

/** What PyTorch computes in float64 for inputs that both sides compute: see generate.py. */
export interface OperationFixtures {
  torch: string;
  conv2d: { shape: Conv2dShape; out: Packed; dx: Packed; dw: Packed }[];
  pool2d: { op: "max" | "avg"; shape: Pool2dShape; out: Packed; dx: Packed }[];
  batchNorm: {
    rows: number;
    channels: number;
    relu: boolean;
    residual: boolean;
    momentum: number;
    eps: number;
    centre: number;
    inference: BatchNormResult;
    training: BatchNormResult;
    runningMean: Packed;
    runningVar: Packed;
  }[];
  crossEntropy: {
    rows: number;
    classes: number;
    smoothing: number;
    loss: Packed;
    dlogits: Packed;
  }[];
  sgd: Trajectory<{ lr: number; momentum: number; weight_decay: number; nesterov: boolean }>[];
  adam: Trajectory<AdamSettings>[];
  adamw: Trajectory<AdamSettings>[];
  oneCycle: Schedule<{
    max_lr: number;
    total_steps: number;
    pct_start?: number;
    div_factor?: number;
    final_div_factor?: number;
    anneal_strategy?: "cos" | "linear";
    cycle_momentum?: boolean;
    three_phase?: boolean;
  }>[];
  cosineAnnealing: Schedule<{ T_max: number; eta_min: number }>[];
  multiStep: Schedule<{ milestones: number[]; gamma: number }>[];
  /** Operations on NaN and infinities; the incoming gradient is 1.5, none where there is none. */
  special: { name: string; inputs: Packed[]; shape: number[]; out: Packed; grads: Packed[] }[];
}

/** A file that generate.py wrote. */
export const readFixture = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${file}`, import.meta.url), "utf8"));

export const operationFixtures = (): OperationFixtures =>
  readFixture("operations.json") as OperationFixtures;

export function unpack(packed: Packed): Float64Array {
  const bytes = Uint8Array.from(Buffer.from(packed, "base64"));
  return Float64Array.from(new Float32Array(bytes.buffer));
}

/** The gradient of optimizer step `step` (from 0) in every trajectory. */
export const trajectoryGradient = (step: number, length: number): Float64Array =>
  uniform(100 + step, length);

/** The parameters before the first step of every trajectory. */
export const trajectoryStart = (length: number): Float64Array => uniform(1, length);
