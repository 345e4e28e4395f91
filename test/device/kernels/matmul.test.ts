import { describeOnDevices } from "../../support/devices.js";
import type { HostCall } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";

interface Options {
  batch?: number;
  bias?: boolean;
  transA?: boolean;
  transB?: boolean;
  /** Matrices that one entry serves for the whole batch. */
  repeat?: "a" | "b" | "none";
}

function call(m: number, n: number, k: number, options: Options = {}): HostCall<"matmul"> {
  const { batch = 1, bias = false, transA = false, transB = false, repeat = "none" } = options;
  const batchStrideA = repeat === "a" ? 0 : m * k;
  const batchStrideB = repeat === "b" ? 0 : k * n;
  return {
    a: uniform(m + n, batchStrideA * (batch - 1) + m * k),
    b: uniform(n + k + 1, batchStrideB * (batch - 1) + k * n),
    bias: bias ? uniform(5, n, -3, 3) : null,
    out: output(batch * m * n),
    batch,
    m,
    n,
    k,
    transA,
    transB,
    batchStrideA,
    batchStrideB,
  };
}

const sizes: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [7, 5, 3],
  [1, 10, 512],
  [33, 10, 512],
  [64, 64, 64],
  [65, 67, 71],
  [257, 3, 5],
  [3, 257, 5],
  [5, 3, 4099],
  [129, 131, 17],
  [2, 130, 1],
  [256, 128, 96],
];

const transposed = sizes.flatMap(([m, n, k]) =>
  [false, true].flatMap((transA) =>
    [false, true].map((transB) =>
      kernelCase(
        "matmul",
        `${m}x${n}x${k}${transA ? ", A stored [k, m]" : ""}${transB ? ", B stored [n, k]" : ""}`,
        () => call(m, n, k, { transA, transB }),
      ),
    ),
  ),
);

const biased = [
  kernelCase("matmul", "7x5x3 with bias", () => call(7, 5, 3, { bias: true })),
  kernelCase("matmul", "33x10x512 with bias, B stored [n, k]", () =>
    call(33, 10, 512, { bias: true, transB: true }),
  ),
  kernelCase("matmul", "130x43x64 with bias", () => call(130, 43, 64, { bias: true })),
  kernelCase("matmul", "3 x 9x11x13 with bias", () => call(9, 11, 13, { bias: true, batch: 3 })),
];

const batched = (["none", "a", "b"] as const).flatMap((repeat) =>
  [false, true].map((transposed) =>
    kernelCase(
      "matmul",
      `5 x 17x19x23, repeating ${repeat}${transposed ? ", both transposed" : ""}`,
      () => call(17, 19, 23, { batch: 5, repeat, transA: transposed, transB: transposed }),
    ),
  ),
);

describeOnDevices("matmul", (device) => testKernelCases(device, transposed));
describeOnDevices("matmul with bias", (device) => testKernelCases(device, biased));
describeOnDevices("matmul of batches", (device) => testKernelCases(device, batched));
