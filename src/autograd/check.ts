import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import type { Tensor } from "../tensor/tensor.js";
import { gradients, noGrad } from "./tape.js";

export interface GradientCheckOptions {
  /** Step of the central difference. Default 1e-2: float32 leaves about 1e-5 of relative error. */
  step?: number;
  /** Elements of each input that are tried, spread over it. Default 24. */
  samples?: number;
}

const checkTable: OptionTable<GradientCheckOptions> = { step: "number", samples: "number" };

export interface GradientCheckResult {
  /** Largest |analytic - numeric| / max(|analytic|, |numeric|, rms of the gradient). */
  maxError: number;
  /** Where it is: which input, which element, and the two values. */
  worst: { input: number; element: number; analytic: number; numeric: number };
}

/**
 * Compares the gradients of `loss(inputs)`, a scalar, with central finite differences
 * (f(x + h) - f(x - h)) / 2h. Inputs are marked `withGrad`; their values are restored.
 */
export async function checkGradients(
  loss: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheckOptions = {},
): Promise<GradientCheckResult> {
  checkOptions("checkGradients", options, checkTable);
  const { step = 1e-2, samples = 24 } = options;
  const device = inputs[0]?.device;
  if (!device) throw new ShapeError("checkGradients: needs at least one input");
  for (const x of inputs) x.withGrad();
  const analytic: Float32Array[] = await inScope(() => gradients(loss(inputs), inputs));
  const result: GradientCheckResult = {
    maxError: 0,
    worst: { input: 0, element: 0, analytic: 0, numeric: 0 },
  };
  const value = async (): Promise<number> =>
    (await inScope(() => [noGrad(() => loss(inputs))]))[0]?.[0] ?? Number.NaN;

  for (const [input, x] of inputs.entries()) {
    const original = await x.read();
    const slope = analytic[input] ?? new Float32Array(0);
    const rms = Math.sqrt(slope.reduce((s, g) => s + g * g, 0) / Math.max(1, slope.length));
    const stride = Math.max(1, Math.floor(x.size / samples));
    for (let element = 0; element < x.size; element += stride) {
      const at = original[element] ?? 0;
      const moved = original.slice();
      // The step that float32 can represent, on both sides.
      moved[element] = at + step;
      const up = moved[element] ?? 0;
      x.write(moved);
      const above = await value();
      moved[element] = at - step;
      const down = moved[element] ?? 0;
      x.write(moved);
      const numeric = (above - (await value())) / (up - down);
      const a = slope[element] ?? 0;
      const error = Math.abs(a - numeric) / Math.max(Math.abs(a), Math.abs(numeric), rms, 1e-30);
      if (error > result.maxError || Number.isNaN(error)) {
        result.maxError = error;
        result.worst = { input, element, analytic: a, numeric };
      }
    }
    x.write(original);
  }
  return result;

  async function inScope(body: () => Tensor[]): Promise<Float32Array[]> {
    const scope = device?.scope();
    const reads = body().map((t) => t.read());
    scope?.[Symbol.dispose]();
    return Promise.all(reads);
  }
}
