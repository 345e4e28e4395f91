import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

const shapes = [
  [7, 5],
  [98, 16],
  [4099, 3],
  [131, 33],
  [2049, 64],
] as const;
/** With a residual and ReLU, or with neither. */
const forms = shapes.flatMap(([rows, channels]) =>
  [true, false].map((relu) => ({ rows, channels, relu })),
);
type Form = (typeof forms)[number];

const scaling = (d: Draw, channels: number) => ({
  gamma: d.floats(channels, 0.5, 2),
  beta: d.floats(channels),
  runningMean: d.floats(channels),
  runningVar: d.floats(channels, 0.5, 2),
});

const forward = (d: Draw, form: Form) => ({
  ...form,
  ...scaling(d, form.channels),
  x: d.values(form.rows * form.channels, -1, 2),
  residual: form.relu ? d.values(form.rows * form.channels) : null,
  out: d.result(form.rows * form.channels),
  eps: 1e-5,
});

const batchNorm = forms.map(
  (form) =>
    (d: Draw): HostCall<"batchNorm"> => ({
      ...forward(d, form),
      mean: d.floatResult(form.channels),
      invStd: d.floatResult(form.channels),
      momentum: 0.1,
    }),
);

const batchNormInference = forms.map((form) => (d: Draw) => forward(d, form));

/** Any statistics make a gradient; those near the batch's own make one of the usual size. */
const backward = (
  d: Draw,
  { rows, channels, relu }: Form,
  { training, frozen = false }: { training: boolean; frozen?: boolean },
): HostCall<"batchNormBackward"> => ({
  ...{ rows, channels, relu, training },
  x: d.values(rows * channels, -1, 2),
  y: relu ? d.ties(rows * channels, -1, 1) : null,
  dy: d.values(rows * channels),
  gamma: d.floats(channels, 0.5, 2),
  mean: d.floats(channels, 0.3, 0.7),
  invStd: d.floats(channels, 0.8, 1.5),
  dx: d.result(rows * channels),
  dgamma: frozen ? null : d.floatResult(channels),
  dbeta: frozen ? null : d.floatResult(channels),
  dresidual: relu ? d.result(rows * channels) : null,
});

const batchNormBackward = forms.flatMap((form) => [
  (d: Draw) => backward(d, form, { training: true }),
  (d: Draw) => backward(d, form, { training: false }),
  (d: Draw) => backward(d, form, { training: false, frozen: true }),
]);

const batchNormStatistics = [5, 257].map((channels) => (d: Draw) => ({
  ...{ channels, eps: 1e-5 },
  runningMean: d.floats(channels),
  runningVar: d.floats(channels, 0.01, 3),
  mean: d.floatResult(channels),
  invStd: d.floatResult(channels),
}));

export const batchNorms = {
  ...{ batchNorm, batchNormInference, batchNormBackward, batchNormStatistics },
} satisfies CasesOf;
