import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import type { LayerNormShape } from "../device/kernels/layer-norm.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape, sizeOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger } from "./arguments.js";

export interface LayerNormOptions {
  /** Scale by channel, f32 [channels]. Default: none. */
  gamma?: Tensor;
  /** Shift by channel, f32 [channels]. Default: none. */
  beta?: Tensor;
  /** Added to the variance. Default 1e-5, as in PyTorch. */
  eps?: number;
}

const layerNormOptions: OptionTable<LayerNormOptions> = {
  gamma: "checked",
  beta: "checked",
  eps: "checked",
};

/**
 * Layer normalisation over the last dimension (Ba, Kiros and Hinton 2016):
 * (x - mean) / sqrt(var + eps) * gamma + beta, the variance biased. x [..., channels] and the result
 * are f32 or f16.
 *
 * @throws ShapeError when scale or shift do not fit the channels, or eps is no number from 0 up
 */
export function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  checkOptions("layerNorm", options, layerNormOptions);
  checkInputs("layerNorm", [x], "float");
  const width = channelsOf("layerNorm", x, 1, "[..., channels]");
  const outer = width === 0 ? 0 : x.size / width;
  return normalise("layerNorm", x, { outer, positions: 1, groups: 1, width }, options);
}

/**
 * Group normalisation (Wu and He 2018): as layerNorm, but over a group of neighbouring channels and
 * all dimensions between the first and the last. x [n, ..., channels]; `groups` divides the channels:
 * 1 normalises an image as a whole, as many as channels is instance normalisation.
 *
 * @throws ShapeError when the groups do not divide the channels, and as layerNorm does
 */
export function groupNorm(x: Tensor, groups: number, options: LayerNormOptions = {}): Tensor {
  checkOptions("groupNorm", options, layerNormOptions);
  checkInputs("groupNorm", [x], "float");
  const channels = channelsOf("groupNorm", x, 2, "[n, ..., channels]");
  checkInteger("groupNorm", "groups", groups, 1);
  if (channels % groups !== 0) {
    throw new ShapeError(
      `groupNorm: ${groups} groups do not divide the ${channels} channels of ${formatShape(x.shape)}`,
    );
  }
  const [outer = 0, ...rest] = x.shape;
  const positions = sizeOf(rest.slice(0, -1));
  const width = channels / groups;
  return normalise("groupNorm", x, { outer, positions, groups, width }, options);
}

function channelsOf(op: string, x: Tensor, least: number, form: string): number {
  if (x.shape.length >= least) return x.shape.at(-1) ?? 0;
  throw new ShapeError(`${op}: x must be ${form}, its shape is ${formatShape(x.shape)}`);
}

function normalise(
  op: string,
  x: Tensor,
  shape: LayerNormShape,
  { gamma, beta, eps = 1e-5 }: LayerNormOptions,
): Tensor {
  const channels = shape.groups * shape.width;
  checkChannels(op, "gamma", x, gamma, channels);
  checkChannels(op, "beta", x, beta, channels);
  if (!(eps >= 0 && Number.isFinite(eps))) {
    throw new ShapeError(`${op}: eps must be a finite number of at least 0, not ${eps}`);
  }
  const { device } = x;
  const units = shape.outer * shape.groups;
  const out = empty(device, x.shape, x.dtype, op);
  const mean = empty(device, [units], "f32", `${op}'s mean`);
  const invStd = empty(device, [units], "f32", `${op}'s deviation`);
  const statistics = { mean: mean.slice, invStd: invStd.slice };
  if (x.size > 0) {
    device.run("layerNorm", {
      ...{ ...shape, ...statistics, eps },
      ...{ x: x.slice, gamma: gamma?.slice ?? null, beta: beta?.slice ?? null, out: out.slice },
    });
  }
  const affine = [gamma, beta].filter((t) => t !== undefined);
  const saved = [x, mean, invStd, ...(gamma ? [gamma] : [])];
  return record(op, out, [x, ...affine], saved, (dy, sink, needs) => {
    const at = { gamma: 1, beta: gamma ? 2 : 1 };
    const dx = needs(0) ? sink(0) : undefined;
    const dgamma = gamma && needs(at.gamma) ? sink(at.gamma) : undefined;
    const dbeta = beta && needs(at.beta) ? sink(at.beta) : undefined;
    if (x.size > 0) {
      device.run("layerNormBackward", {
        ...{ ...shape, ...statistics },
        ...{ x: x.slice, dy: dy.slice, gamma: gamma?.slice ?? null },
        ...{ dx: dx?.slice ?? null, dgamma: dgamma?.slice ?? null, dbeta: dbeta?.slice ?? null },
      });
    } else if (channels > 0) {
      for (const sum of [dgamma, dbeta]) {
        if (sum) device.run("fill", { dst: sum.slice, value: 0 });
      }
    }
    return [dx, ...(gamma ? [dgamma] : []), ...(beta ? [dbeta] : [])];
  });
}

function checkChannels(
  op: string,
  name: string,
  x: Tensor,
  t: Tensor | undefined,
  channels: number,
): void {
  if (!t) return;
  checkInputs(`${op} (${name})`, [t]);
  if (t.device !== x.device) checkInputs(op, [x, t], "float");
  if (!sameShape(t.shape, [channels])) {
    throw new ShapeError(
      `${op}: ${name} ${formatShape(t.shape)} must be [${channels}] for x ${formatShape(x.shape)}`,
    );
  }
}
