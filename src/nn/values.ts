import { ShapeError } from "../device/errors.js";
import { synchronous } from "../device/synchronous.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { unfolded } from "./folding.js";
import type { Module } from "./module.js";
import type { Parameter, Statistic } from "./parameter.js";
import { placementOf } from "./place.js";

/** Values by the dotted names of `parameters()` and `statistics()`, in the device's layout. */
export type Values = ReadonlyMap<string, Tensor>;

/**
 * Runs `body` with other values in place of some of a model's parameters and running statistics: masked
 * or noisy copies, a second set of weights. Gradients go to those values, and through them to what
 * they were made of; the model's own values and gradients are left alone. Layers run one by one, also
 * within `FoldedNorms.run`. `body` may not be asynchronous: the values are gone when it returns.
 *
 * @throws ShapeError when a name is none of the model's, or a value has another shape, type or device
 */
export function withValues<T>(model: Module, values: Values, body: () => T): T {
  const owned = new Map<string, Parameter | Statistic>([
    ...model.parameters(),
    ...model.statistics(),
  ]);
  const { device } = placementOf(model);
  const replaced: [Parameter | Statistic, Tensor | undefined][] = [];
  for (const [name, value] of values) {
    const place = owned.get(name);
    if (!place) {
      throw new ShapeError(
        `withValues: the model has nothing named ${name}; it has ${some([...owned.keys()])}`,
      );
    }
    const expected = place.deviceShape;
    if (!sameShape(value.shape, expected) || value.dtype !== "f32" || value.device !== device) {
      const where = value.device === device ? "" : " of another device";
      throw new ShapeError(
        `withValues: ${name} must be ${formatShape(expected)} f32 on the model's device, not ` +
          `${formatShape(value.shape)} ${value.dtype}${where}`,
      );
    }
  }
  try {
    for (const [name, value] of values) {
      const place = owned.get(name) as Parameter | Statistic;
      replaced.push([place, place.substitute(value)]);
    }
    return synchronous("withValues", unfolded(body));
  } finally {
    for (const [place, before] of replaced.reverse()) place.substitute(before);
  }
}

/**
 * The parts of a flat vector as values of a model: `flat` is laid out as `placementOf(model).values`
 * (or `.statistics`) is. So a perturbed copy of all parameters is one op.
 *
 * @param which whose names and places to take
 */
export function viewValues(
  model: Module,
  flat: Tensor,
  which: "parameters" | "statistics" = "parameters",
): Map<string, Tensor> {
  const placement = placementOf(model);
  const { length } = which === "parameters" ? placement.values : placement.statistics;
  if (flat.size !== length || flat.dtype !== "f32") {
    throw new ShapeError(
      `viewValues: needs ${length} f32 values, as the model's ${which} have, not ` +
        `${formatShape(flat.shape)} ${flat.dtype}`,
    );
  }
  const { storage, offset: first } = flat.slice;
  return new Map(
    model[which]().map(([name, owned]) => {
      const { offset, length: size } = owned.own.slice;
      const slice = { storage, offset: first + offset, length: size };
      return [name, new Tensor(flat.device, slice, owned.deviceShape)];
    }),
  );
}

/** All of a model's parameters or statistics as one vector, padding included; shares their memory. */
export function flatValues(
  model: Module,
  which: "parameters" | "statistics" = "parameters",
): Tensor {
  const { device, values, statistics } = placementOf(model);
  const slice = which === "parameters" ? values : statistics;
  return new Tensor(device, slice, [slice.length]);
}

const some = (names: readonly string[]): string =>
  names.slice(0, 4).join(", ") + (names.length > 4 ? `, ... (${names.length})` : "");
