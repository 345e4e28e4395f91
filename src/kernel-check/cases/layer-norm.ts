import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";
import type { CasesOf } from "./table.js";

/** Layer norms, then group norms of NHWC, instance norm and all channels in one group among them. */
const shapes = [
  [1, 1, 1, 5],
  [7, 1, 1, 3],
  [131, 1, 1, 33],
  [257, 1, 1, 96],
  [3, 1, 1, 1031],
  [2, 35, 3, 5],
  [3, 49, 4, 16],
  [5, 7, 9, 1],
  [2, 257, 1, 12],
].map(([outer = 1, positions = 1, groups = 1, width = 1]) => ({ outer, positions, groups, width }));
type Shape = (typeof shapes)[number];

const sizes = ({ outer, positions, groups, width }: Shape) => ({
  x: outer * positions * groups * width,
  units: outer * groups,
  channels: groups * width,
});

/** Far from zero E[x^2] - E[x]^2 has no correct digit in float32. */
const forward =
  (shape: Shape, form: { gamma: boolean; beta: boolean; center?: number; eps?: number }) =>
  (d: Draw): HostCall<"layerNorm"> => {
    const { x, units, channels } = sizes(shape);
    const { gamma, beta, center = 0.5, eps = 1e-5 } = form;
    return {
      ...{ ...shape, eps },
      x: d.values(x, center - 1.5, center + 1.5),
      gamma: gamma ? d.floats(channels, 0.5, 2) : null,
      beta: beta ? d.floats(channels) : null,
      mean: d.floatResult(units),
      invStd: d.floatResult(units),
      out: d.result(x),
    };
  };

const layerNorm = [
  ...shapes.map((shape) => forward(shape, { gamma: true, beta: true })),
  ...shapes.slice(1, 4).map((shape) => forward(shape, { gamma: false, beta: false })),
  forward(
    { outer: 35, positions: 1, groups: 1, width: 67 },
    { gamma: true, beta: false, eps: 0.1 },
  ),
  forward({ outer: 3, positions: 7, groups: 2, width: 8 }, { gamma: false, beta: true, eps: 0.1 }),
];

/** Any statistics make a gradient; those near the group's own make one of the usual size. */
const backward =
  (shape: Shape, wanted: { gamma?: boolean; dx?: boolean; dgamma?: boolean; dbeta?: boolean }) =>
  (d: Draw): HostCall<"layerNormBackward"> => {
    const { x, units, channels } = sizes(shape);
    const { gamma = true, dx = true, dgamma = true, dbeta = true } = wanted;
    return {
      ...shape,
      x: d.values(x, -1, 2),
      dy: d.values(x),
      gamma: gamma ? d.floats(channels, 0.5, 2) : null,
      mean: d.floats(units, 0.3, 0.7),
      invStd: d.floats(units, 0.8, 1.5),
      dx: dx ? d.result(x) : null,
      dgamma: dgamma ? d.floatResult(channels) : null,
      dbeta: dbeta ? d.floatResult(channels) : null,
    };
  };

const some = { outer: 300, positions: 1, groups: 1, width: 20 };
const grouped = { outer: 2, positions: 141, groups: 3, width: 4 };
const layerNormBackward = [
  ...shapes.map((shape) => backward(shape, {})),
  ...[some, grouped].flatMap((shape) => [
    backward(shape, { gamma: false, dgamma: false, dbeta: false }),
    backward(shape, { dx: false, dbeta: false }),
    backward(shape, { dx: false, dgamma: false }),
    backward(shape, { dgamma: false }),
  ]),
];

/** Layer norm and group norm. */
export const layerNorms = { layerNorm, layerNormBackward } satisfies CasesOf;
