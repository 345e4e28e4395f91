import { adamHyper } from "../../device/adam-hyper.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

const batches = [
  [7, 5],
  [128, 10],
  [257, 43],
  [3, 1031],
] as const;
const losses = batches.flatMap(([rows, classes]) =>
  [0, 0.1].map((smoothing) => ({
    ...{ rows, classes, off: smoothing / classes },
    on: 1 - smoothing + smoothing / classes,
  })),
);

const softmaxCrossEntropy = [
  ...losses.map(
    (loss) =>
      (d: Draw): HostCall<"softmaxCrossEntropy"> => ({
        ...loss,
        logits: d.floats(loss.rows * loss.classes, -4, 4),
        labels: d.integers(loss.rows, loss.classes),
        loss: d.floatResult(loss.rows),
        probabilities: d.floatResult(loss.rows * loss.classes),
      }),
  ),
  // Logits whose exponentials overflow; labels out of range make NaN of their rows.
  (d: Draw): HostCall<"softmaxCrossEntropy"> => ({
    ...{ rows: 5, classes: 3, on: 1, off: 0 },
    logits: d.floats(15, -300, 300),
    labels: Uint32Array.of(2, 3, 0, 0xffffffff, 1),
    loss: d.floatResult(5),
    probabilities: d.floatResult(15),
  }),
];

const softmaxCrossEntropyBackward = losses.map(
  (loss) =>
    (d: Draw): HostCall<"softmaxCrossEntropyBackward"> => ({
      ...loss,
      probabilities: d.floats(loss.rows * loss.classes, 0, 2 / loss.classes),
      labels: d.integers(loss.rows, loss.classes),
      dloss: d.floats(loss.rows, 0.1, 1),
      dlogits: d.floatResult(loss.rows * loss.classes),
    }),
);

const random = (["uniform", "normal"] as const).flatMap((op) =>
  [5, 4099].map(
    (n) =>
      (d: Draw): HostCall<"random"> => ({
        ...{ op, out: d.floatResult(n), state: d.words(4), low: -0.3, high: 0.7 },
      }),
  ),
);

const float32 = (values: readonly number[]): Float64Array => Float64Array.from(values, Math.fround);
const lengths = [3, 257, 260, 4099];

/** A loss scale's state with its answer, which may be that there is none. */
const scaleState = (found: number | null): Float64Array | null =>
  found === null ? null : Float64Array.of(1024, 3, found, 0);

/** Plain, Nesterov, and both answers of a loss scale. */
const sgd = lengths.flatMap((n) =>
  [
    { nesterov: 0, found: null },
    { nesterov: 1, found: 0 },
    { nesterov: 0, found: 1 },
  ].map(
    ({ nesterov, found }) =>
      (d: Draw): HostCall<"sgd"> => ({
        ...{ params: d.floats(n), grads: d.floats(n), velocity: d.floats(n) },
        hyper: float32([0.1, 0.9, 5e-4, nesterov]),
        skip: scaleState(found),
      }),
  ),
);

const hyper = (decoupled: boolean): Float64Array => {
  const settings = { lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.1 } as const;
  return float32(adamHyper({ ...settings, decoupled }));
};

/** After t steps. */
const count = (t: number): Float64Array => float32([t, 1 - 0.9 ** t, 1 - 0.999 ** t]);

/** Adam and AdamW, and both answers of a loss scale. */
const adam = lengths.flatMap((n) =>
  [
    { decoupled: 0, found: null },
    { decoupled: 1, found: 0 },
    { decoupled: 0, found: 1 },
  ].map(
    ({ decoupled, found }) =>
      (d: Draw): HostCall<"adam"> => ({
        ...{ params: d.floats(n), grads: d.floats(n) },
        m: d.floats(n, -0.1, 0.1),
        v: d.floats(n, 0.001, 0.01),
        count: count(3),
        hyper: hyper(decoupled === 1),
        skip: scaleState(found),
      }),
  ),
);

const adamCount = [1, 2, 30].flatMap((t) =>
  [null, 0, 1].map(
    (found) => (): HostCall<"adamCount"> => ({
      count: count(t),
      hyper: hyper(true),
      skip: scaleState(found),
    }),
  ),
);

const spoilt = [null, Number.POSITIVE_INFINITY, Number.NaN];
const unscale = lengths.flatMap((n) =>
  spoilt.map((value) => (d: Draw): HostCall<"unscale"> => {
    const grads = d.floats(n, -100, 100);
    if (value !== null) grads[n - 1] = value;
    return { grads, state: Float64Array.of(1024, 5, 0, 2) };
  }),
);

/** A good step, the last one of an interval, a step that overflowed, the largest scale. */
const states = [
  [65536, 7, 0, 3],
  [65536, 1999, 0, 3],
  [65536, 1999, 1, 3],
  [2 ** 127, 1999, 0, 0],
];
const updateScale = states.map(
  (state) => (): HostCall<"updateScale"> => ({
    ...{ state: Float64Array.from(state), growth: 2, backoff: 0.5, interval: 2000 },
  }),
);

const multiplyAdd = [257, 4099].map((n) => (d: Draw) => ({ out: d.floatResult(n), rounds: 7 }));

/** Loss, random numbers, optimizers, and the loop that measures peaks. */
export const training = {
  ...{ softmaxCrossEntropy, softmaxCrossEntropyBackward, random, sgd, adamCount, adam },
  ...{ unscale, updateScale, multiplyAdd },
} satisfies CasesOf;
