import { backward } from "../src/autograd/tape.js";
import type { Device } from "../src/device/device.js";
import type { Conv2dShape } from "../src/device/kernels/conv2d-call.js";
import type { Slice } from "../src/device/storage.js";
import type { TuneOptions } from "../src/device/webgpu/autotune.js";
import { WebGpuDevice } from "../src/device/webgpu/device.js";
import { resnet18 } from "../src/models/resnet.js";
import { FoldedNorms } from "../src/nn/folding.js";
import { place } from "../src/nn/place.js";
import { augment, packBytes } from "../src/ops/augment.js";
import { cast } from "../src/ops/cast.js";
import { crossEntropy } from "../src/ops/cross-entropy.js";
import { uniform } from "../src/ops/random.js";
import { SGD } from "../src/optim/sgd.js";
import { empty, tensor } from "../src/tensor/create.js";
import type { FloatType, Tensor } from "../src/tensor/tensor.js";
import { MixedPrecision } from "../src/training/precision.js";
import { type Case, labelsOf } from "./cases.js";
import type { Prepared, Runner } from "./runner.js";

/**
 * shiftgrad on a device of this process or page; with `tuning`, every case's kernels are tuned
 * before it is measured.
 */
export const ours = (device: Device, tuning?: TuneOptions): Runner => ({
  name: "shiftgrad",
  prepare: async (c) => {
    const body = bodyOf(device, c);
    if (tuning && device instanceof WebGpuDevice) await device.tune(body.enqueue, tuning);
    return body.replayed ? replayed(device, body) : prepared(device, body);
  },
});

/** What a case puts into the queue. */
interface Body {
  enqueue(): void;
  release(): void;
  /** Whether it is recorded once and replayed, as `fit` does with its steps. */
  readonly replayed?: boolean;
}

const prepared = (device: Device, { enqueue, release }: Body): Prepared => ({
  enqueue,
  run: () => {
    enqueue();
    return device.finish();
  },
  release,
});

async function replayed(device: Device, { enqueue, release }: Body): Promise<Prepared> {
  const recording = device.capture(enqueue);
  await recording.ready();
  const replay = (): void => recording.replay();
  return prepared(device, {
    enqueue: replay,
    release: () => {
      recording.release();
      release();
    },
  });
}

function bodyOf(device: Device, c: Case): Body {
  switch (c.kind) {
    case "matmul":
      return matmulCase(device, c.n);
    case "conv":
      return convCase(device, c);
    case "batchNorm":
      return batchNormCase(device, c);
    case "sgd":
      return sgdCase(device, c.n);
    case "maxPool":
      return maxPoolCase(device, c);
    case "augment":
      return augmentCase(device, c);
    case "resnet":
      return resnetCase(device, c);
  }
}

/** Seeded random values: kernels may be faster on zeros. */
function random(device: Device, made: Tensor[], shape: readonly number[]): Slice {
  const x = uniform(device, shape, made.length + 1, -1, 1).keep();
  made.push(x);
  return x.slice;
}

function space(device: Device, made: Tensor[], shape: readonly number[]): Slice {
  const x = empty(device, shape).keep();
  made.push(x);
  return x.slice;
}

const releaser = (made: Tensor[]) => (): void => {
  for (const t of made) t.release();
};

function matmulCase(device: Device, n: number): Body {
  const made: Tensor[] = [];
  const [a, b] = [random(device, made, [n, n]), random(device, made, [n, n])];
  const out = space(device, made, [n, n]);
  const sizes = { batch: 1, m: n, n, k: n, batchStrideA: 0, batchStrideB: 0 };
  const call = { a, b, bias: null, out, transA: false, transB: false, ...sizes };
  return { enqueue: () => device.run("matmul", call), release: releaser(made) };
}

function convCase(device: Device, c: Case & { kind: "conv" }): Body {
  const [cIn, cOut, side, k, stride] = c.shape;
  const pad = Math.floor(k / 2);
  const outSide = Math.floor((side + 2 * pad - k) / stride) + 1;
  const shape: Conv2dShape = {
    n: c.batch,
    h: side,
    w: side,
    cIn,
    cOut,
    kh: k,
    kw: k,
    strideH: stride,
    strideW: stride,
    padH: pad,
    padW: pad,
    outH: outSide,
    outW: outSide,
  };
  const made: Tensor[] = [];
  const x = random(device, made, [c.batch, side, side, cIn]);
  const w = random(device, made, [k, k, cIn, cOut]);
  const y = random(device, made, [c.batch, outSide, outSide, cOut]);
  const enqueue = {
    fwd: () => device.run("conv2d", { x, w, out: y, shape }),
    dx: () => device.run("conv2dInputGrad", { dy: y, w, dx: x, shape }),
    dw: () => device.run("conv2dWeightGrad", { x, dy: y, dw: w, shape }),
  }[c.what];
  return { enqueue, release: releaser(made) };
}

function batchNormCase(device: Device, c: Case & { kind: "batchNorm" }): Body {
  const [rows, channels] = [c.batch * c.h * c.h, c.c];
  const made: Tensor[] = [];
  const [x, dy] = [random(device, made, [rows, channels]), random(device, made, [rows, channels])];
  const [gamma, beta] = [random(device, made, [channels]), random(device, made, [channels])];
  const [out, dx] = [space(device, made, [rows, channels]), space(device, made, [rows, channels])];
  const vector = (): Slice => space(device, made, [channels]);
  const [mean, invStd, dgamma, dbeta] = [vector(), vector(), vector(), vector()];
  const [runningMean, runningVar] = [
    random(device, made, [channels]),
    random(device, made, [channels]),
  ];
  const shape = { rows, channels, relu: c.fused };
  const residual = c.fused ? random(device, made, [rows, channels]) : null;
  const dresidual = c.fused ? space(device, made, [rows, channels]) : null;
  const y = c.fused ? out : null;
  const forward = { x, gamma, beta, runningMean, runningVar, residual, mean, invStd, out };
  const back = { x, y, dy, gamma, mean, invStd, dx, dgamma, dbeta, dresidual };
  const enqueue = (): void => {
    device.run("batchNorm", { ...forward, ...shape, momentum: 0.1, eps: 1e-5 });
    device.run("batchNormBackward", { ...back, ...shape, training: true });
  };
  return { enqueue, release: releaser(made) };
}

function sgdCase(device: Device, n: number): Body {
  const made: Tensor[] = [];
  const [params, grads] = [random(device, made, [n]), random(device, made, [n])];
  const velocity = random(device, made, [n]);
  const hyper = tensor(device, Float32Array.of(0.01, 0.9, 5e-4, 0), [4]).keep();
  made.push(hyper);
  const call = { params, grads, velocity, hyper: hyper.slice, skip: null };
  return { enqueue: () => device.run("sgd", call), release: releaser(made) };
}

function maxPoolCase(device: Device, c: Case & { kind: "maxPool" }): Body {
  const made: Tensor[] = [];
  const half = c.h / 2;
  const x = random(device, made, [c.batch, c.h, c.h, c.c]);
  const out = space(device, made, [c.batch, half, half, c.c]);
  const window = { kh: 2, kw: 2, strideH: 2, strideW: 2, padH: 0, padW: 0 };
  const shape = { n: c.batch, h: c.h, w: c.h, c: c.c, outH: half, outW: half, ...window };
  const call = { op: "max", x, out, shape } as const;
  return { enqueue: () => device.run("pool2d", call), release: releaser(made) };
}

function augmentCase(device: Device, c: Case & { kind: "augment" }): Body {
  const shape = [c.batch, c.h, c.h, 3] as const;
  const bytes = Uint8Array.from({ length: c.batch * c.h * c.h * 3 }, (_, i) => (i * 97) % 251);
  const words = packBytes(bytes);
  const images = tensor(device, words, [words.length], "u32").keep();
  const state = tensor(device, Uint32Array.of(1, 2, 3, 4), [4], "u32").keep();
  const moments = { mean: [0.5, 0.4, 0.6], std: [0.2, 0.3, 0.25] };
  const enqueue = (): void => {
    using _ = device.scope();
    augment(images, { shape, ...moments, pad: 4, flip: true, state });
  };
  return { enqueue, release: releaser([images, state]) };
}

function resnetCase(device: Device, c: Case & { kind: "resnet" }): Body {
  const model = resnet18({ width: c.width });
  const placement = place(model, device, { seed: 1 });
  const mixed = c.precision === "mixed" ? new MixedPrecision(model) : undefined;
  const images = imagesOf(device, c.batch, mixed ? "f16" : "f32");
  const labels = tensor(device, Uint32Array.from(labelsOf(c.batch)), [c.batch], "u32").keep();
  const release = (): void => {
    mixed?.release();
    placement.release();
    releaser([images, labels])();
  };
  if (c.what === "infer") {
    model.eval();
    const folded = new FoldedNorms();
    return {
      enqueue: () => {
        using _ = device.scope();
        folded.run(() => model.forward(images));
      },
      release: () => {
        folded.release();
        release();
      },
    };
  }
  const optimizer = new SGD(model, { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
  return {
    replayed: true,
    enqueue: () => {
      using _ = device.scope();
      const logits = mixed ? mixed.forward(images) : model.forward(images);
      const loss = crossEntropy(logits, labels);
      backward(mixed ? mixed.scaler.scale(loss) : loss, { release: true });
      optimizer.step(mixed?.scaler);
    },
    release: () => {
      optimizer.release();
      release();
    },
  };
}

function imagesOf(device: Device, batch: number, dtype: FloatType): Tensor {
  using _ = device.scope();
  return cast(uniform(device, [batch, 32, 32, 4], 1, -1, 1), dtype).keep();
}
