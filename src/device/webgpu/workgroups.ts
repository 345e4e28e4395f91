import { DeviceValidationError } from "../errors.js";
import type { Dispatch } from "./lowering.js";

/** WebGPU's dispatch limit in each dimension, the same on every adapter. */
export const maxWorkgroups = 65_535;

/** Workgroups in x, y and z; a plain number over the limit spreads over x and y. */
export function foldWorkgroups({
  shader,
  workgroups,
}: Dispatch): readonly [number, number, number] {
  if (typeof workgroups !== "number") return workgroups;
  const rows = Math.ceil(workgroups / maxWorkgroups);
  if (rows > maxWorkgroups) {
    throw new DeviceValidationError(
      `${shader.name} needs ${workgroups} workgroups, over the limit`,
    );
  }
  return [Math.ceil(workgroups / rows), rows, 1];
}
