import { ShapeError } from "../device/errors.js";
import { shown } from "../device/options.js";
import { formatShape, normaliseAxes } from "../tensor/shape.js";
import type { DType, Tensor } from "../tensor/tensor.js";

/**
 * Checks what every op needs of its tensors: one device, live memory, the right element type
 * ("float" is f32 or f16).
 */
export function checkInputs(
  op: string,
  inputs: readonly Tensor[],
  dtype: DType | "float" = "f32",
): void {
  const device = inputs[0]?.device;
  for (const x of inputs) {
    if (x.device !== device) {
      throw new ShapeError(
        `${op}: the tensors lie on different devices; read one and write it to the other`,
      );
    }
    if (dtype === "float" ? x.dtype === "u32" : x.dtype !== dtype) {
      const remedy = dtype === "f32" || dtype === "float" ? '; use cast(x, "f32")' : "";
      throw new ShapeError(
        `${op}: needs ${dtype} tensors, ${formatShape(x.shape)} is ${x.dtype}${remedy}`,
      );
    }
    x.checkLive(op);
  }
}

export function checkRank(op: string, name: string, x: Tensor, rank: number, form: string): void {
  if (x.shape.length !== rank) {
    throw new ShapeError(`${op}: ${name} must be ${form}, its shape is ${formatShape(x.shape)}`);
  }
}

/** An integer in range, or a ShapeError that names the argument. */
export function checkInteger(op: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new ShapeError(`${op}: ${name} must be an integer of at least ${least}, not ${value}`);
  }
}

/** The dimension an axis names, negative ones counted from the end; else a ShapeError. */
export const checkAxis = (op: string, x: Tensor, axis: number): number =>
  normaliseAxes(op, [axis], x.shape.length)[0] ?? 0;

/** A pair given as one number for both or as [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/** Both numbers of a pair; a ShapeError where it is neither form. */
export function pair(op: string, name: string, value: Pair): readonly [number, number] {
  if (typeof value === "number") return [value, value];
  if (Array.isArray(value) && value.length === 2) return value as [number, number];
  throw new ShapeError(
    `${op}: ${name} must be one number or [vertical, horizontal], not ${shown(value)}`,
  );
}
