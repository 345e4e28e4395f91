import type { Precision } from "../src/training/precision.js";

/** What is measured. Sizes of the ResNet-18 layers, (channels, side) as in the peers' tables. */
export type Case = {
  readonly name: string;
  readonly batch: number;
  /** For graphics cards: a processor takes minutes. */
  readonly large?: boolean;
} & (
  | { readonly kind: "matmul"; readonly n: number }
  | {
      readonly kind: "conv";
      /** cIn, cOut, side, kernel, stride; padding is kernel / 2 rounded down. */
      readonly shape: readonly [number, number, number, number, number];
      readonly what: "fwd" | "dx" | "dw";
    }
  /** Forward and backward; `fused` adds a residual before and a ReLU behind it, in the same pass. */
  | { readonly kind: "batchNorm"; readonly c: number; readonly h: number; readonly fused: boolean }
  /** One update of n parameters with momentum and weight decay. */
  | { readonly kind: "sgd"; readonly n: number }
  /** Windows of 2 x 2 with stride 2. */
  | { readonly kind: "maxPool"; readonly c: number; readonly h: number }
  /** Crop, flip and normalise h x h images of three 8-bit channels; frameworks have no such kernel. */
  | { readonly kind: "augment"; readonly h: number }
  | {
      readonly kind: "resnet";
      readonly width: number;
      readonly what: "train" | "infer";
      readonly precision: Precision;
    }
);

const passes = ["fwd", "dx", "dw"] as const;

const conv = (cIn: number, cOut: number, side: number, k: number, stride: number, batch: number) =>
  passes.map(
    (what): Case => ({
      name: `conv${k}x${k}${stride > 1 ? `/${stride}` : ""}:${cIn}>${cOut}:${side}:${what}`,
      kind: "conv",
      shape: [cIn, cOut, side, k, stride],
      what,
      batch,
    }),
  );

const matmul = (n: number): Case => ({ name: `matmul:${n}`, kind: "matmul", n, batch: 1 });

const resnet = (
  width: number,
  batch: number,
  what: "train" | "infer",
  precision: Precision = "f32",
): Case => ({
  name: `resnet18:w${width}:b${batch}:${what}${precision === "mixed" ? ":mixed" : ""}`,
  kind: "resnet",
  ...{ width, what, batch, precision },
});

const large = (c: Case): Case => ({ ...c, large: true });

export const cases: readonly Case[] = [
  ...[256, 512, 1024].map(matmul),
  large(matmul(4096)),
  ...conv(64, 64, 32, 3, 1, 32),
  ...conv(128, 128, 16, 3, 1, 32),
  ...conv(256, 256, 8, 3, 1, 32),
  ...conv(512, 512, 4, 3, 1, 32),
  ...conv(16, 16, 32, 3, 1, 32),
  ...conv(64, 128, 32, 3, 2, 32),
  ...conv(64, 128, 32, 1, 2, 32),
  { name: "batchNorm:64:32", kind: "batchNorm", c: 64, h: 32, batch: 32, fused: false },
  { name: "batchNorm+relu:64:32", kind: "batchNorm", c: 64, h: 32, batch: 32, fused: true },
  { name: "maxPool:64:32", kind: "maxPool", c: 64, h: 32, batch: 32 },
  { name: "sgd:11173962", kind: "sgd", n: 11_173_962, batch: 1 },
  { name: "augment:32", kind: "augment", h: 32, batch: 512 },
  resnet(16, 16, "infer"),
  resnet(16, 16, "train"),
  resnet(16, 16, "train", "mixed"),
  resnet(64, 32, "infer"),
  resnet(64, 32, "train"),
  large(resnet(64, 128, "train")),
  large(resnet(64, 128, "train", "mixed")),
];

/**
 * The cases whose names contain one of `filter` (commas between). Large ones are among them if
 * `withLarge` says so, or if the filter has the whole name.
 *
 * @throws RangeError when there is none
 */
export function casesFor(filter: string, withLarge: boolean): Case[] {
  const wanted = filter.split(",");
  const found = cases.filter(({ name, large }) =>
    large && !withLarge ? wanted.includes(name) : wanted.some((part) => name.includes(part)),
  );
  if (found.length > 0) return found;
  const names = cases.map(({ name, large }) => (large ? `${name} (large)` : name)).join(", ");
  throw new RangeError(`no case has "${filter}" in its name; there are ${names}`);
}

export const isMixed = (c: Case): boolean => c.kind === "resnet" && c.precision === "mixed";

/** The labels of a batch of ten classes, the same for every framework. */
export const labelsOf = (batch: number): Int32Array =>
  Int32Array.from({ length: batch }, (_, i) => (i * 7) % 10);

/** Multiply-adds of the definition (a Winograd kernel does fewer) times two. */
export function flopsOf(c: Case): number {
  switch (c.kind) {
    case "matmul":
      return 2 * c.n ** 3;
    case "conv": {
      const [cIn, cOut, side, k, stride] = c.shape;
      return 2 * c.batch * Math.ceil(side / stride) ** 2 * k * k * cIn * cOut;
    }
    case "batchNorm":
    case "sgd":
    case "maxPool":
    case "augment":
      return 0; // memory decides
    case "resnet":
      return c.batch * resnetMacs(c.width) * 2 * (c.what === "train" ? 3 : 1);
  }
}

/** Bytes that must move at least once each way: inputs read, outputs written. */
export function bytesOf(c: Case): number {
  switch (c.kind) {
    case "matmul":
      return 4 * 3 * c.n ** 2;
    case "conv": {
      const [cIn, cOut, side, k, stride] = c.shape;
      const out = c.batch * Math.ceil(side / stride) ** 2 * cOut;
      return 4 * (c.batch * side * side * cIn + out + k * k * cIn * cOut);
    }
    case "batchNorm":
      // Forward: x twice, y once. Backward: x and dy twice, dx once. Fused: the residual once, the
      // output twice for the ReLU's mask, the residual's gradient once.
      return 4 * (c.fused ? 12 : 8) * c.batch * c.h * c.h * c.c;
    case "sgd":
      return 4 * 5 * c.n; // parameters and velocities both ways, gradients once
    case "maxPool":
      return 4 * 1.25 * c.batch * c.h * c.h * c.c;
    case "augment":
      return (3 + 4 * 4) * c.batch * c.h * c.h; // bytes in, four floats out
    case "resnet":
      return 0;
  }
}

/** Multiply-adds of one image through the CIFAR ResNet-18: 0.5557 G at width 64. */
export function resnetMacs(width: number): number {
  let macs = 32 * 32 * 9 * 3 * width;
  let cIn = width;
  [32, 16, 8, 4].forEach((side, i) => {
    const c = width * 2 ** i;
    macs += side * side * (9 * cIn * c + 3 * 9 * c * c + (cIn === c ? 0 : cIn * c));
    cIn = c;
  });
  return macs + cIn * 10;
}
