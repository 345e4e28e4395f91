import {
  blockUntilReady,
  defaultDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  nn,
  numpy,
  valueAndGrad,
  vjp,
} from "@jax-js/jax";
import { type Case, labelsOf } from "../cases.js";
import type { Prepared, Runner } from "../runner.js";
import {
  classes,
  forward,
  initialValues,
  noise,
  type Operations,
  parametersOf,
} from "./network.js";

/** jax-js on its WebGPU backend; every case is one jitted function, images are NCHW, weights OIHW. */
export async function open(): Promise<Runner> {
  const ready = await init("webgpu");
  if (!ready.includes("webgpu")) throw new Error("jax-js found no WebGPU adapter");
  defaultDevice("webgpu");
  return { name: "jax-js", prepare };
}

async function prepare(c: Case): Promise<Prepared> {
  switch (c.kind) {
    case "matmul":
      return call(numpy.matmul, [random([c.n, c.n], 1), random([c.n, c.n], 2)]);
    case "conv":
      return convCase(c);
    case "batchNorm":
      return batchNormCase(c);
    case "sgd":
    case "maxPool":
    case "augment":
      throw new RangeError(`${c.name} is not set up in this framework`);
    case "resnet":
      return c.what === "train" ? trainCase(c) : inferCase(c);
  }
}

const tensor = (values: Float32Array, shape: readonly number[]): JaxArray =>
  numpy.array(values).reshape([...shape]);

const random = (shape: readonly number[], seed: number): JaxArray =>
  tensor(
    noise(
      shape.reduce((product, side) => product * side, 1),
      seed,
    ),
    shape,
  );

/** Calls a jitted function with the same arguments again and again. */
function call(f: (...inputs: JaxArray[]) => JaxArray, inputs: JaxArray[]): Prepared {
  const compiled = jit(f);
  return {
    run: async () => {
      const result = compiled(...inputs.map((x) => x.ref));
      await blockUntilReady(result);
      result.dispose();
    },
    release: () => {
      for (const x of inputs) x.dispose();
      compiled.dispose();
    },
  };
}

function convCase(c: Case & { kind: "conv" }): Prepared {
  const [cIn, cOut, side, k, stride] = c.shape;
  const outSide = Math.ceil(side / stride);
  const x = random([c.batch, cIn, side, side], 1);
  const w = random([cOut, cIn, k, k], 2);
  const conv = (image: JaxArray, weight: JaxArray): JaxArray =>
    operations.conv(image, weight, stride);
  if (c.what === "fwd") return call(conv, [x, w]);
  const dy = random([c.batch, cOut, outSide, outSide], 3);
  const wanted = c.what === "dx" ? x : w;
  const other = c.what === "dx" ? w : x;
  const gradient = (at: JaxArray, given: JaxArray, dOut: JaxArray): JaxArray => {
    const [y, back] = vjp((v) => (c.what === "dx" ? conv(v, given) : conv(given, v)), [at]);
    y.dispose();
    return back(dOut)[0];
  };
  return call(gradient, [wanted, other, dy]);
}

function batchNormCase(c: Case & { kind: "batchNorm" }): Prepared {
  const x = random([c.batch, c.c, c.h, c.h], 1);
  const dy = random([c.batch, c.c, c.h, c.h], 2);
  const [gamma, beta] = [random([c.c], 3), random([c.c], 4)];
  const loss = ([image, scale, shift]: JaxArray[], gradient: JaxArray): JaxArray => {
    if (!image || !scale || !shift) throw new RangeError("batch norm has three operands");
    return operations.batchNorm(image, scale, shift).mul(gradient).sum();
  };
  const step = jit((values: JaxArray[], gradient: JaxArray) =>
    valueAndGrad(loss)(values, gradient),
  );
  return {
    run: async () => {
      const [value, gradients] = step([x.ref, gamma.ref, beta.ref], dy.ref);
      await blockUntilReady([value, ...gradients]);
      for (const array of [value, ...gradients]) array.dispose();
    },
    release: () => {
      for (const array of [x, dy, gamma, beta]) array.dispose();
      step.dispose();
    },
  };
}

/** A vector over channels, to be broadcast over [n, c, h, w]. */
const overChannels = (x: JaxArray): JaxArray => x.reshape([1, -1, 1, 1]);
const allButChannels = [0, 2, 3];

const operations: Operations<JaxArray> & { kernelOf(w: JaxArray): number } = {
  share: (x) => x.ref,
  kernelOf: (w) => (w as JaxArray & { shape: number[] }).shape[2] ?? 1,
  conv: (x, w, stride) => {
    const pad = Math.floor(operations.kernelOf(w) / 2);
    const both: [number, number] = [pad, pad];
    return lax.convGeneralDilated(x, w, [stride, stride], [both, both]);
  },
  batchNorm: (x, gamma, beta, statistics) => {
    const mean = statistics
      ? overChannels(statistics.mean)
      : x.ref.mean(allButChannels, { keepdims: true });
    const centred = x.sub(mean);
    const variance = statistics
      ? overChannels(statistics.variance)
      : centred.ref.mul(centred.ref).mean(allButChannels, { keepdims: true });
    const scale = overChannels(gamma).mul(numpy.reciprocal(numpy.sqrt(variance.add(1e-5))));
    return centred.mul(scale).add(overChannels(beta));
  },
  relu: nn.relu,
  add: (a, b) => a.add(b),
  head: (x, w, b) => numpy.matmul(x.mean([2, 3]), w).add(b),
};

/** [k, k, cIn, cOut] to [cOut, cIn, k, k]. */
function toOihw(values: Float32Array, [k, , cIn, cOut]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  const [taps, i, o] = [(k ?? 1) ** 2, cIn ?? 1, cOut ?? 1];
  for (let at = 0; at < values.length; at++) {
    const [tap, c, n] = [Math.floor(at / (i * o)), Math.floor(at / o) % i, at % o];
    out[(n * i + c) * taps + tap] = values[at] ?? 0;
  }
  return out;
}

function network(c: Case & { kind: "resnet" }) {
  const parameters = parametersOf(c.width).map((parameter, seed) => {
    const values = initialValues(parameter, seed);
    if (parameter.kind !== "conv") return tensor(values, parameter.shape);
    const [k, , cIn, cOut] = parameter.shape;
    return tensor(toOihw(values, parameter.shape), [cOut, cIn, k, k]);
  });
  return { parameters, images: random([c.batch, 3, 32, 32], 1000) };
}

function inferCase(c: Case & { kind: "resnet" }): Prepared {
  const { parameters, images } = network(c);
  const norms = parametersOf(c.width).filter(({ kind }) => kind === "one");
  const statistics = norms.flatMap(({ shape }, i) => [
    random(shape, 2000 + i),
    tensor(new Float32Array(shape[0]).fill(1.5), shape),
  ]);
  return call(
    (...inputs) => {
      const count = parameters.length;
      const rest = inputs.slice(count + 1);
      const pairs = norms.map((_, i) => {
        const [mean, variance] = rest.slice(2 * i, 2 * i + 2);
        if (!mean || !variance) throw new RangeError(`statistics of batch norm ${i} are missing`);
        return { mean, variance };
      });
      const [image] = inputs.slice(count, count + 1);
      if (!image) throw new RangeError("the images are missing");
      return forward(operations, c.width, inputs.slice(0, count), image, pairs);
    },
    [...parameters, images, ...statistics],
  );
}

function trainCase(c: Case & { kind: "resnet" }): Prepared {
  let { parameters, images } = network(c);
  let velocities = parametersOf(c.width).map(({ kind, shape }) => {
    const zeros = new Float32Array(shape.reduce((product, side) => product * side, 1));
    const [k, , cIn, cOut] = shape;
    return tensor(zeros, kind === "conv" ? [cOut ?? 0, cIn ?? 0, k, k ?? 0] : shape);
  });
  const labels = numpy.array(labelsOf(c.batch));
  const loss = (values: JaxArray[], image: JaxArray, label: JaxArray): JaxArray => {
    const logits = forward(operations, c.width, values, image);
    const target = nn.oneHot(label, classes);
    return nn
      .logSoftmax(logits, 1)
      .mul(target)
      .sum()
      .mul(-1 / c.batch);
  };
  const step = jit((values: JaxArray[], momenta: JaxArray[], image: JaxArray, label: JaxArray) => {
    const [value, gradients] = valueAndGrad(loss)(
      values.map((x) => x.ref),
      image,
      label,
    );
    const updated = values.map((x, i) => {
      const [gradient, momentum] = [gradients[i], momenta[i]];
      if (!gradient || !momentum) throw new RangeError(`parameter ${i} has no gradient`);
      const next = momentum.mul(0.9).add(gradient.add(x.ref.mul(5e-4)));
      return [x.sub(next.ref.mul(0.01)), next];
    });
    return [value, updated.map(([x]) => x as JaxArray), updated.map(([, v]) => v as JaxArray)];
  });
  let checked = false;
  return {
    run: async () => {
      const [value, values, momenta] = step(parameters, velocities, images.ref, labels.ref) as [
        JaxArray,
        JaxArray[],
        JaxArray[],
      ];
      [parameters, velocities] = [values, momenta];
      await blockUntilReady(value);
      if (!checked) checkLoss((await value.ref.data())[0]);
      checked = true;
      value.dispose();
    },
    release: () => {
      for (const x of [...parameters, ...velocities, images, labels]) x.dispose();
      step.dispose();
    },
  };
}

function checkLoss(loss: number | undefined): void {
  if (!(Number(loss) > 0 && Number(loss) < 20)) throw new Error(`the first loss is ${loss}`);
}
