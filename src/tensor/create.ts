import type { Device } from "../device/device.js";
import { ShapeError } from "../device/errors.js";
import { requireHalf } from "../device/half.js";
import { formatShape, type Shape, sizeOf } from "./shape.js";
import { type DType, Tensor } from "./tensor.js";

/**
 * A tensor with undefined content: for results that a kernel fills. f16 on a device without it is an
 * UnsupportedPrecisionError.
 */
export function empty(
  device: Device,
  shape: Shape,
  dtype: DType = "f32",
  label = "tensor",
): Tensor {
  const size = sizeOf(shape);
  const name = size > 0 ? `${label} ${formatShape(shape)}` : label;
  if (dtype === "f16") requireHalf(device, `an f16 tensor (${name})`);
  const storage = device.allocate(Math.max(size, 1) * (dtype === "f16" ? 2 : 4), name);
  const span = { storage, offset: 0, length: size };
  return new Tensor(device, dtype === "f16" ? { ...span, type: dtype } : span, shape, dtype);
}

/** A tensor from values in row-major order; `shape` defaults to one dimension. */
export function tensor(
  device: Device,
  values: ArrayLike<number>,
  shape: Shape = [values.length],
  dtype: DType = "f32",
): Tensor {
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(
      `tensor: shape ${formatShape(shape)} holds ${sizeOf(shape)} values, ${values.length} given`,
    );
  }
  const out = empty(device, shape, dtype);
  if (out.size > 0) out.write(values);
  return out;
}

/** A tensor with every element set to `value`. */
export function full(device: Device, shape: Shape, value: number): Tensor {
  const out = empty(device, shape);
  if (out.size > 0) device.run("fill", { dst: out.slice, value });
  return out;
}

export const zeros = (device: Device, shape: Shape): Tensor => full(device, shape, 0);
export const ones = (device: Device, shape: Shape): Tensor => full(device, shape, 1);

/** start, start + step, ... until before stop: [ceil((stop - start) / step)]. */
export function arange(
  device: Device,
  start: number,
  stop: number,
  step = 1,
  dtype: DType = "f32",
): Tensor {
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!Number.isFinite(count)) {
    throw new ShapeError(
      `arange: from ${start} to ${stop} there are not finitely many steps of ${step}`,
    );
  }
  const values = Float64Array.from({ length: count }, (_, i) => start + i * step);
  if (dtype === "u32" && !values.every((v) => Number.isInteger(v) && v >= 0 && v < 2 ** 32)) {
    throw new ShapeError(
      `arange: from ${start} to ${stop} by ${step} does not stay within the integers of u32`,
    );
  }
  return tensor(device, values, [count], dtype);
}

/** The identity matrix, or zeros with ones on the main diagonal: [rows, columns]. */
export function eye(device: Device, rows: number, columns = rows): Tensor {
  const values = new Float32Array(sizeOf([rows, columns]));
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return tensor(device, values, [rows, columns]);
}
