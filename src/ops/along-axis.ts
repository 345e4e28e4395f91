import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { reshape } from "./layout.js";
import { matmul } from "./matmul.js";

/**
 * A linear map along the rows (axis 1) or the columns (axis 2) of x [n, h, w, c], the same for all of
 * them: result[i] = sum_j weights[i, j] x[j], i < size. In f32.
 */
export function alongAxis(x: Tensor, weights: Float32Array, size: number, axis: 1 | 2): Tensor {
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  const map = tensor(x.device, weights, [size, axis === 1 ? h : w]);
  if (axis === 1) return reshape(matmul(map, reshape(x, [n, h, w * c])), [n, size, w, c]);
  return reshape(matmul(map, reshape(x, [n * h, w, c])), [n, h, size, c]);
}
