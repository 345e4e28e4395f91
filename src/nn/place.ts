import type { Device } from "../device/device.js";
import { alignElements, type Slice, type Storage } from "../device/storage.js";
import { Philox } from "../tensor/random.js";
import { sizeOf } from "../tensor/shape.js";
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
  release(): void;
}

const placements = new WeakMap<Module, Placement>();

/** The memory of a model that `place` has put on a device. */
export function placementOf(model: Module): Placement {
  const placement = placements.get(model);
  if (!placement) {
    throw new Error("the model has no memory yet: call place(model, device, { seed }) first");
  }
  return placement;
}

/**
 * Gives a model memory on a device and draws its initial values from the seed (each parameter from
 * its own stream, so that values do not depend on what else the model holds).
 */
export function place(model: Module, device: Device, options: { seed: number }): Placement {
  const parameters = model.parameters();
  const statistics = model.statistics();
  const values = flat(device, parameters, "parameters");
  const gradients = flat(device, parameters, "gradients");
  const running = flat(device, statistics, "running statistics");

  const initial = new Float32Array(values.slice.length);
  for (const [name, p] of parameters) {
    const slice = values.at(name);
    initial.set(p.toDevice(p.init(p.shape, new Philox(options.seed, 0, name))), slice.offset);
    const value = new Tensor(device, slice, p.deviceShape);
    value.grad = new Tensor(device, gradients.at(name), p.deviceShape);
    value.requiresGrad = true;
    p.bind(value);
  }
  const states = new Float32Array(running.slice.length);
  for (const [name, s] of statistics) {
    const slice = running.at(name);
    states.set(s.init(s.shape, new Philox(options.seed, 0, name)), slice.offset);
    s.bind(new Tensor(device, slice, s.deviceShape));
  }
  if (initial.length > 0) {
    device.write(values.slice, initial);
    device.run("fill", { dst: gradients.slice, value: 0 });
  }
  if (states.length > 0) device.write(running.slice, states);

  const placement: Placement = {
    device,
    values: values.slice,
    gradients: gradients.slice,
    statistics: running.slice,
    release: () => {
      for (const storage of [values, gradients, running]) device.release(storage.slice.storage);
      placements.delete(model);
    },
  };
  placements.set(model, placement);
  return placement;
}

function flat(device: Device, owned: readonly [string, Parameter | Statistic][], label: string) {
  const offsets = new Map<string, readonly [offset: number, length: number]>();
  let length = 0;
  for (const [name, o] of owned) {
    const size = sizeOf(o.deviceShape);
    offsets.set(name, [length, size]);
    // A multiple of two alignments, so that a copy in halves can have the same offsets.
    length += 2 * alignElements(Math.ceil(size / 2));
  }
  const storage: Storage = device.allocate(Math.max(length, 1) * 4, `the model's ${label}`);
  device.keep(storage);
  return {
    slice: { storage, offset: 0, length },
    at: (name: string): Slice => {
      const [offset, size] = offsets.get(name) ?? [0, 0];
      return { storage, offset, length: size };
    },
  };
}
