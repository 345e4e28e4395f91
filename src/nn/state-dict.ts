import type { Device } from "../device/device.js";
import type { Slice } from "../device/storage.js";
import type { NamedTensor, StateDict } from "../io/state-dict.js";
import { BatchNorm2d } from "./layers.js";
import { misfit } from "./misfit.js";
import type { Module } from "./module.js";
import type { Parameter, Statistic } from "./parameter.js";
import { placementOf } from "./place.js";

/**
 * A model's values under PyTorch's names and in PyTorch's layout (convolutions OIHW), with batch
 * norm's `num_batches_tracked` as PyTorch orders it.
 */
export async function stateDict(model: Module): Promise<StateDict> {
  const { device, values, statistics } = placementOf(model);
  const flat = {
    values: await floats(device, values),
    statistics: await floats(device, statistics),
  };
  const take = (o: Parameter | Statistic, from: Float32Array): NamedTensor => {
    const { offset, length } = o.own.slice;
    const data = o.toHost(from.slice(offset, offset + length));
    return { dtype: "F32", shape: o.shape, data };
  };
  const out: StateDict = new Map();
  for (const [path, module] of model.modules()) {
    const prefix = path === "" ? "" : `${path}.`;
    const inner = (name: string): boolean => !name.slice(prefix.length).includes(".");
    for (const [name, p] of module.parameters(prefix)) {
      if (inner(name)) out.set(name, take(p, flat.values));
    }
    for (const [name, s] of module.statistics(prefix)) {
      if (inner(name)) out.set(name, take(s, flat.statistics));
    }
    if (module instanceof BatchNorm2d) {
      const data = BigInt64Array.of(BigInt(module.batchesTracked));
      out.set(`${prefix}num_batches_tracked`, { dtype: "I64", shape: [], data });
    }
  }
  return out;
}

const floats = async (device: Device, slice: Slice): Promise<Float32Array> =>
  slice.length > 0 ? new Float32Array(await device.read(slice)) : new Float32Array(0);

/**
 * Overwrites a placed model's values with those of a state_dict, matched by name. Missing or
 * unknown names, other shapes, and values that do not fill them or are no floats are an error that
 * lists them; nothing is loaded then. `num_batches_tracked` may be missing.
 */
export function loadStateDict(model: Module, dict: StateDict): void {
  const { device } = placementOf(model);
  const owned: [string, Parameter | Statistic][] = [...model.parameters(), ...model.statistics()];
  const fault = misfit(owned, dict);
  if (fault !== undefined) {
    throw new Error(
      `the checkpoint does not fit the model: ${fault}; ` +
        "check architecture, width and number of classes",
    );
  }
  for (const [name, o] of owned) {
    const { data } = dict.get(name) as NamedTensor;
    const values = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
    device.write(o.own.slice, o.toDevice(values));
  }
  for (const [path, module] of model.modules()) {
    if (!(module instanceof BatchNorm2d)) continue;
    const count = dict.get(path === "" ? "num_batches_tracked" : `${path}.num_batches_tracked`);
    if (count) module.batchesTracked = Number(count.data[0] ?? 0);
  }
}
