/** The CIFAR ResNet-18 for frameworks that have no such model: written once, over their operations. */

/** A framework's operations. Every argument is used up (jax-js frees it): `share` gives another. */
export interface Operations<T> {
  share(x: T): T;
  /** Padding is half the kernel, rounded down. */
  conv(x: T, w: T, stride: number): T;
  /** By the batch's own statistics where none are given. */
  batchNorm(x: T, gamma: T, beta: T, statistics?: { mean: T; variance: T }): T;
  relu(x: T): T;
  add(a: T, b: T): T;
  /** The mean over pixels, then x w + b. */
  head(x: T, w: T, b: T): T;
}

/** Shape and first values of a parameter: `deviation` of a normal distribution, or a constant. */
export type Parameter =
  | { readonly kind: "conv"; readonly shape: readonly [number, number, number, number] }
  | { readonly kind: "one" | "zero"; readonly shape: readonly [number] }
  | { readonly kind: "linear"; readonly shape: readonly [number, number] };

export const classes = 10;

interface Visitor<T> {
  conv(x: T, k: number, cIn: number, cOut: number, stride: number): T;
  batchNorm(x: T, channels: number): T;
  relu(x: T): T;
  add(a: T, b: T): T;
  share(x: T): T;
  head(x: T, channels: number): T;
}

function walk<T>(v: Visitor<T>, width: number, images: T): T {
  const convNorm = (x: T, k: number, cIn: number, cOut: number, stride: number): T =>
    v.batchNorm(v.conv(x, k, cIn, cOut, stride), cOut);
  const block = (x: T, cIn: number, cOut: number, stride: number): T => {
    const residual = v.share(x);
    const inner = v.relu(convNorm(x, 3, cIn, cOut, stride));
    const y = convNorm(inner, 3, cOut, cOut, 1);
    const projected = stride === 1 && cIn === cOut;
    return v.relu(v.add(y, projected ? residual : convNorm(residual, 1, cIn, cOut, stride)));
  };
  let x = v.relu(convNorm(images, 3, 3, width, 1));
  let cIn = width;
  for (const [stage, stride] of [1, 2, 2, 2].entries()) {
    const cOut = width * 2 ** stage;
    x = block(block(x, cIn, cOut, stride), cOut, cOut, 1);
    cIn = cOut;
  }
  return v.head(x, cIn);
}

/** The parameters in the order in which `forward` takes them; convolutions as [k, k, cIn, cOut]. */
export function parametersOf(width: number): Parameter[] {
  const list: Parameter[] = [];
  walk<null>(
    {
      conv: (_, k, cIn, cOut) => {
        list.push({ kind: "conv", shape: [k, k, cIn, cOut] });
        return null;
      },
      batchNorm: (_, channels) => {
        list.push({ kind: "one", shape: [channels] }, { kind: "zero", shape: [channels] });
        return null;
      },
      head: (_, channels) => {
        list.push({ kind: "linear", shape: [channels, classes] });
        list.push({ kind: "zero", shape: [classes] });
        return null;
      },
      relu: () => null,
      add: () => null,
      share: () => null,
    },
    width,
    null,
  );
  return list;
}

/** Logits [batch, 10] of images; `statistics` are the running means and variances, layer by layer. */
export function forward<T>(
  ops: Operations<T>,
  width: number,
  parameters: readonly T[],
  images: T,
  statistics?: readonly { mean: T; variance: T }[],
): T {
  let next = 0;
  let norm = 0;
  const take = (): T => {
    const parameter = parameters[next++];
    if (parameter === undefined) throw new RangeError(`the network has more than ${next} layers`);
    return parameter;
  };
  return walk<T>(
    {
      conv: (x, _k, _cIn, _cOut, stride) => ops.conv(x, take(), stride),
      batchNorm: (x) => ops.batchNorm(x, take(), take(), statistics?.[norm++]),
      head: (x) => ops.head(x, take(), take()),
      relu: ops.relu,
      add: ops.add,
      share: ops.share,
    },
    width,
    images,
  );
}

/** First values, [k, k, cIn, cOut] for convolutions: normal with variance 2 / fan-out, as PyTorch code does. */
export function initialValues({ kind, shape }: Parameter, seed: number): Float32Array {
  const size = shape.reduce((product, side) => product * side, 1);
  if (kind === "one") return new Float32Array(size).fill(1);
  if (kind === "zero") return new Float32Array(size);
  const [k = 1, , , cOut = 1] = shape;
  const deviation =
    kind === "conv" ? Math.sqrt(2 / (k * k * cOut)) : Math.sqrt(1 / (shape[0] ?? 1));
  return noise(size, seed).map((x) => x * deviation);
}

/** Reproducible values of mean 0 and variance 1, uniform in between (Park and Miller's generator). */
export function noise(size: number, seed: number): Float32Array {
  let state = 16807 * (seed + 1);
  return Float32Array.from({ length: size }, () => {
    state = (state * 48271) % 2147483647;
    return Math.sqrt(12) * (state / 2147483647 - 0.5);
  });
}
