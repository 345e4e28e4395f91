import { ShapeError } from "../device/errors.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { cast } from "./cast.js";
import { add, elementwise } from "./elementwise.js";
import { uniform } from "./random.js";

/**
 * Each element of x becomes 0 with probability `rate`, else x / (1 - rate) (Srivastava et al. 2014).
 * Which ones is drawn by the counter in `state`, u32 [4] from `randomState`, or by a seed: the same
 * state draws the same. In evaluation leave it out: the mean is x.
 */
export function dropout(x: Tensor, rate: number, state: Tensor | number): Tensor {
  checkInputs("dropout", [x], "float");
  if (!(rate >= 0 && rate < 1)) {
    throw new ShapeError(`dropout: the rate ${rate} must be in [0, 1)`);
  }
  if (rate === 0) return x;
  const drawn = uniform(x.device, x.shape, state);
  const kept = 1 - rate;
  return cast(elementwise("dropout", [x, drawn], kept, 1 / kept), x.dtype);
}

/**
 * Moves a random state, u32 [4], on to its next draw, on the device: a recorded step that ends its
 * draws with it draws anew each time it is replayed.
 */
export function advance(state: Tensor): void {
  checkInputs("advance", [state], "u32");
  if (state.size !== 4) {
    throw new ShapeError(`advance: a random state is [4], not ${state.size} words`);
  }
  const next = add(state, tensor(state.device, [0, 0, 0, 1], [4], "u32"));
  state.device.run("copy", { src: next.slice, dst: state.slice });
}
