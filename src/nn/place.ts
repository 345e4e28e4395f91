import type { Device } from "../device/device.js";
import { ModuleError } from "../device/errors.js";
import { alignElements, type Slice } from "../device/storage.js";
import { Philox } from "../tensor/random.js";
import { formatShape, sizeOf } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import type { Module } from "./module.js";
import type { Parameter, Statistic } from "./parameter.js";

/**
 * The memory of a placed model: all parameters in one flat storage, their gradients in a second one
 * with the same offsets, running statistics in a third. So the optimizer is one kernel for the
 * whole model and a checkpoint one copy.
 */
export interface Placement {
  readonly device: Device;
  readonly values: Slice;
  readonly gradients: Slice;
  readonly statistics: Slice;
  /**
   * Gives the memory back; the model may be placed again. Throws ReleasedError when it was released
   * before.
   */
  release(): void;
}

type Owned = readonly [string, Parameter | Statistic];

const placements = new WeakMap<Module, Placement>();

/**
 * The memory of a model that `place` has put on a device.
 *
 * @throws ModuleError when it has none
 */
export function placementOf(model: Module): Placement {
  const placement = placements.get(model);
  if (!placement) {
    throw new ModuleError(
      "the model has no memory: call place(model, device, { seed }) first, on the whole model",
    );
  }
  return placement;
}

/**
 * Gives a model memory on a device and draws its initial values from the seed (each parameter from
 * its own stream, so that values do not depend on what else the model holds). A part that is held
 * under several names has one memory, and the values of its first name.
 *
 * @throws ModuleError when the model or a part of it has memory already, or where a part of it is
 *   held by an object that is not searched
 */
export function place(model: Module, device: Device, options: { seed: number }): Placement {
  const parameters = model.parameters();
  const statistics = model.statistics();
  checkUnplaced(model, [...parameters, ...statistics]);
  checkHidden(model);
  const draw = ([name, part]: Owned): Float32Array => {
    const drawn = part.init(part.shape, new Philox(options.seed, 0, name));
    if (drawn.length === part.size) return part.toDevice(drawn);
    throw new ModuleError(
      `place: the initialiser of ${name} ${formatShape(part.shape)} gave ${drawn.length} values, ` +
        `not ${part.size}`,
    );
  };
  const values = layOut(parameters, draw);
  const running = layOut(statistics, draw);
  const [valueSlice, gradientSlice, statisticSlice] = allocate(device, [
    [values.length, "the model's parameters"],
    [values.length, "the model's gradients"],
    [running.length, "the model's running statistics"],
  ]);

  for (const [p, { offset, length }] of values.parts) {
    const value = new Tensor(device, { ...valueSlice, offset, length }, p.deviceShape);
    const slot = new Tensor(device, { ...gradientSlice, offset, length }, p.deviceShape);
    value.gradient.slot = slot;
    value.requiresGrad = true;
    p.bind(value);
  }
  for (const [s, { offset, length }] of running.parts) {
    s.bind(new Tensor(device, { ...statisticSlice, offset, length }, s.deviceShape));
  }
  if (values.length > 0) {
    device.write(valueSlice, values.initial);
    device.run("fill", { dst: gradientSlice, value: 0 });
  }
  if (running.length > 0) device.write(statisticSlice, running.initial);

  const placement: Placement = {
    device,
    values: valueSlice,
    gradients: gradientSlice,
    statistics: statisticSlice,
    release: () => {
      for (const { storage } of [valueSlice, gradientSlice, statisticSlice]) {
        device.release(storage);
      }
      if (placements.get(model) === placement) placements.delete(model);
    },
  };
  placements.set(model, placement);
  return placement;
}

/**
 * A part's stretch of the placement's parameters or statistics.
 *
 * @throws ModuleError for a part that has its memory elsewhere
 */
export function placedSlice([name, part]: Owned, { storage }: Slice): Slice {
  const { slice } = part.own;
  if (slice.storage !== storage) {
    throw new ModuleError(
      `${name} has its memory with another model: what changes hands after place needs ` +
        "placementOf(model).release() of both models, and place again",
    );
  }
  return slice;
}

function checkUnplaced(model: Module, parts: readonly Owned[]): void {
  if (placements.has(model)) {
    throw new ModuleError(
      "place: the model is placed already, and placing it anew would draw its weights anew: " +
        "loadStateDict changes its values; placementOf(model).release() gives its memory back",
    );
  }
  const placed = parts.find(([, part]) => part.placed);
  if (placed) {
    throw new ModuleError(
      `place: ${placed[0]} has memory already, with another model that was placed; place one ` +
        "model that holds both, or release that model's memory first",
    );
  }
}

function checkHidden(model: Module): void {
  const [hidden] = model.hiddenParts();
  if (!hidden) return;
  throw new ModuleError(
    `place: ${hidden[0]} is held by an object that is not searched for parts; make its class ` +
      "extend Module, or hold the part in a property, array, map, set or plain object of a module",
  );
}

/**
 * What a part of so many elements takes of flat memory: a multiple of two alignments, so that a copy
 * in halves can have the same offsets.
 */
export const flatLength = (length: number): number => 2 * alignElements(Math.ceil(length / 2));

/** Where the parts lie in flat memory, and its initial content. */
function layOut<T extends Parameter | Statistic>(
  owned: readonly (readonly [string, T])[],
  draw: (part: readonly [string, T]) => Float32Array,
) {
  const parts = new Map<T, { offset: number; length: number }>();
  let end = 0;
  for (const [, part] of owned) {
    const length = sizeOf(part.deviceShape);
    parts.set(part, { offset: end, length });
    end += flatLength(length);
  }
  const initial = new Float32Array(end);
  for (const entry of owned) initial.set(draw(entry), parts.get(entry[1])?.offset);
  return { parts, length: end, initial };
}

/** All of the memory or none. */
function allocate<const T extends readonly (readonly [length: number, label: string])[]>(
  device: Device,
  wanted: T,
): { [K in keyof T]: Slice } {
  const made: Slice[] = [];
  try {
    for (const [length, label] of wanted) {
      const storage = device.allocate(Math.max(length, 1) * 4, label);
      device.keep(storage);
      made.push({ storage, offset: 0, length });
    }
  } catch (error) {
    for (const { storage } of made) device.release(storage);
    throw error;
  }
  return made as { [K in keyof T]: Slice };
}
