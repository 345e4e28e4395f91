import { references } from "../../reference/index.js";
import { describeOnDevices } from "../../support/devices.js";
import type { HostCall } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";

const sizes: readonly (readonly [rows: number, channels: number])[] = [
  [2, 1],
  [7, 5],
  [257, 3],
  [4099, 1],
  [35, 4],
  [98, 16],
  [131, 33],
  [2048, 64],
  [513, 128],
  [8, 512],
  [3, 1031],
];

interface Form {
  relu: boolean;
  residual: boolean;
}
const forms: readonly Form[] = [false, true].flatMap((relu) =>
  [false, true].map((residual) => ({ relu, residual })),
);
const formTitle = ({ relu, residual }: Form): string =>
  `${residual ? " + residual" : ""}${relu ? ", relu" : ""}`;

/** x spreads with standard deviation about `spread` around `centre`. */
function forward(
  rows: number,
  channels: number,
  form: Form,
  centre = 0.5,
  spread = 1,
): HostCall<"batchNorm"> {
  const half = spread * Math.sqrt(3);
  return {
    rows,
    channels,
    relu: form.relu,
    x: uniform(1, rows * channels, centre - half, centre + half),
    gamma: uniform(2, channels, 0.5, 2),
    beta: uniform(3, channels),
    runningMean: uniform(4, channels),
    runningVar: uniform(5, channels, 0.5, 2),
    residual: form.residual ? uniform(6, rows * channels) : null,
    mean: output(channels),
    invStd: output(channels),
    out: output(rows * channels),
    momentum: 0.1,
    eps: 1e-5,
  };
}

interface Wanted {
  training?: boolean;
  dx?: boolean;
  dgamma?: boolean;
  dbeta?: boolean;
  dresidual?: boolean;
}

/** The backward call that follows a training forward pass, with what that pass computed. */
function backward(
  rows: number,
  channels: number,
  relu: boolean,
  wanted: Wanted = {},
  centre = 0.5,
): HostCall<"batchNormBackward"> {
  const { training = true, dx = true, dgamma = true, dbeta = true, dresidual = false } = wanted;
  const pass = forward(rows, channels, { relu, residual: dresidual }, centre);
  references.batchNorm(pass);
  return {
    rows,
    channels,
    relu,
    training,
    x: pass.x,
    y: relu ? Float64Array.from(pass.out, Math.fround) : null,
    dy: uniform(7, rows * channels),
    gamma: pass.gamma,
    mean: Float64Array.from(pass.mean, Math.fround),
    invStd: Float64Array.from(pass.invStd, Math.fround),
    dx: dx ? output(rows * channels) : null,
    dgamma: dgamma ? output(channels) : null,
    dbeta: dbeta ? output(channels) : null,
    dresidual: dresidual ? output(rows * channels) : null,
  };
}

const training = sizes.flatMap(([rows, channels]) =>
  forms.map((form) =>
    kernelCase("batchNorm", `[${rows}, ${channels}]${formTitle(form)}`, () =>
      forward(rows, channels, form),
    ),
  ),
);

/** E[x^2] - E[x]^2 in float32 has no correct digit here: 1e6 + 1 against a spacing of 0.06. */
const offCentre = [
  kernelCase("batchNorm", "[4099, 3], mean 1000, variance 1", () =>
    forward(4099, 3, { relu: false, residual: false }, 1000),
  ),
  kernelCase("batchNorm", "[257, 64], mean -1000, variance 1", () =>
    forward(257, 64, { relu: true, residual: true }, -1000),
  ),
  kernelCase("batchNorm", "[20011, 4], mean 100, variance 0.01", () =>
    forward(20011, 4, { relu: false, residual: false }, 100, 0.1),
  ),
  kernelCase("batchNormBackward", "[4099, 3], mean 1000, variance 1", () =>
    backward(4099, 3, false, {}, 1000),
  ),
];

const oneRow = [
  kernelCase("batchNorm", "[1, 5]: variance 0", () =>
    forward(1, 5, { relu: false, residual: true }),
  ),
  kernelCase("batchNormBackward", "[1, 5], constant statistics", () => ({
    ...backward(7, 5, true, { training: false }),
    rows: 1,
    x: uniform(8, 5),
    y: uniform(9, 5),
    dy: uniform(10, 5),
    dx: output(5),
  })),
];

const inference = sizes.flatMap(([rows, channels]) =>
  forms.map((form) =>
    kernelCase("batchNormInference", `[${rows}, ${channels}]${formTitle(form)}`, () => {
      const { mean: _m, invStd: _i, momentum: _, ...call } = forward(rows, channels, form);
      return call;
    }),
  ),
);

// Of two rows the normalised values are 1 and -1 whatever x is, so dx is 0 but for eps: no number
// to measure against. Three rows are the smallest batch with a gradient.
const gradientSizes = [[3, 1] as const, ...sizes.filter(([rows]) => rows > 2)];

const gradients = gradientSizes.flatMap(([rows, channels]) => [
  kernelCase("batchNormBackward", `[${rows}, ${channels}]`, () => backward(rows, channels, false)),
  kernelCase("batchNormBackward", `[${rows}, ${channels}], relu, residual`, () =>
    backward(rows, channels, true, { dresidual: true }),
  ),
  kernelCase("batchNormBackward", `[${rows}, ${channels}], relu, constant statistics`, () =>
    backward(rows, channels, true, { training: false }),
  ),
]);

const partial = [
  kernelCase("batchNormBackward", "[131, 33], no dx", () => backward(131, 33, true, { dx: false })),
  kernelCase("batchNormBackward", "[131, 33], residual without dx", () =>
    backward(131, 33, true, { dx: false, dresidual: true }),
  ),
  kernelCase("batchNormBackward", "[131, 33], residual without relu", () =>
    backward(131, 33, false, { dresidual: true }),
  ),
  kernelCase("batchNormBackward", "[131, 33], residual, constant statistics", () =>
    backward(131, 33, true, { dresidual: true, training: false }),
  ),
];

/** What a frozen model needs, and one of which only a part is trained. */
const someResults = [
  ["dx"],
  ["dx", "dresidual"],
  ["dx", "dgamma"],
  ["dx", "dbeta"],
  ["dgamma"],
  ["dbeta"],
  ["dresidual"],
  ["dbeta", "dresidual"],
] as const;
const none = { dx: false, dgamma: false, dbeta: false };
const frozen = someResults.flatMap((names) =>
  [true, false].flatMap((training) =>
    [
      { channels: 35, relu: true },
      { channels: 64, relu: false },
    ].map(({ channels, relu }) => {
      const wanted = {
        ...none,
        ...Object.fromEntries(names.map((name) => [name, true])),
        training,
      };
      const title = `[131, ${channels}], ${names.join(", ")}${training ? "" : ", constant statistics"}`;
      return kernelCase("batchNormBackward", title, () => backward(131, channels, relu, wanted));
    }),
  ),
);

const statistics = [1, 5, 257, 4099].map((channels) =>
  kernelCase("batchNormStatistics", `${channels} channels`, () => ({
    runningMean: uniform(1, channels),
    runningVar: uniform(2, channels, 0.01, 3),
    mean: output(channels),
    invStd: output(channels),
    channels,
    eps: 1e-5,
  })),
);

/** PyTorch's `momentum` and `eps` are settings; they must reach the kernel. */
const settings = [
  kernelCase("batchNorm", "momentum 0.3, eps 0.1", () => ({
    ...forward(67, 5, { relu: false, residual: false }),
    momentum: 0.3,
    eps: 0.1,
  })),
  kernelCase("batchNormInference", "eps 0.1", () => {
    const call = forward(67, 5, { relu: false, residual: false });
    const { mean: _m, invStd: _i, momentum: _, ...rest } = call;
    return { ...rest, eps: 0.1, beta: uniform(9, 5, 1, 2) };
  }),
];

describeOnDevices("batchNorm", (device) => testKernelCases(device, training));
describeOnDevices("batchNorm far from zero", (device) => testKernelCases(device, offCentre));
describeOnDevices("batchNorm of one row", (device) => testKernelCases(device, oneRow));
describeOnDevices("batchNorm settings", (device) => testKernelCases(device, settings));
describeOnDevices("batchNormInference", (device) => testKernelCases(device, inference));
describeOnDevices("batchNormBackward", (device) => testKernelCases(device, gradients));
describeOnDevices("batchNormBackward in part", (device) =>
  testKernelCases(device, [...partial, ...frozen]),
);
describeOnDevices("batchNormStatistics", (device) => testKernelCases(device, statistics));
