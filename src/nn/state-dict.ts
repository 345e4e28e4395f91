import type { Device } from "../device/device.js";
import { ModuleError } from "../device/errors.js";
import type { Slice } from "../device/storage.js";
import type { NamedTensor, StateDict } from "../io/state-dict.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import { BatchNorm2d } from "./layers.js";
import type { Module } from "./module.js";
import { Parameter, type Statistic } from "./parameter.js";
import { placedSlice, placementOf } from "./place.js";

/** What has values in a state_dict: a parameter, a statistic, or a norm's count of batches. */
type Entry = Parameter | Statistic | BatchNorm2d;

/** Every entry under every name it has, in PyTorch's order. */
function entriesOf(model: Module): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const add = (name: string, entry: Entry): void => {
    if (entries.has(name)) throw new ModuleError(`two parts of the model are named "${name}"`);
    entries.set(name, entry);
  };
  for (const [path, module] of model.everyPath()) {
    const prefix = path === "" ? "" : `${path}.`;
    for (const [name, part] of module.own()) add(prefix + name, part);
    if (module instanceof BatchNorm2d) add(`${prefix}num_batches_tracked`, module);
  }
  return entries;
}

/**
 * A model's values under PyTorch's names and in PyTorch's layout (convolutions OIHW), with batch
 * norm's `num_batches_tracked` as PyTorch orders it. What is held under several names is there under
 * each, as in PyTorch.
 *
 * @throws ModuleError when the model has no memory
 */
export async function stateDict(model: Module): Promise<StateDict> {
  const { device, values, statistics } = placementOf(model);
  const entries = entriesOf(model);
  const reads = [floats(device, values), floats(device, statistics)] as const;
  const [parameters, running] = await Promise.all(reads);
  const out: StateDict = new Map();
  for (const [name, entry] of entries) {
    if (entry instanceof BatchNorm2d) {
      const data = BigInt64Array.of(BigInt(entry.batchesTracked));
      out.set(name, { dtype: "I64", shape: [], data });
      continue;
    }
    const [from, memory] =
      entry instanceof Parameter ? [parameters, values] : [running, statistics];
    const { offset, length } = placedSlice([name, entry], memory);
    const data = entry.toHost(from.slice(offset, offset + length));
    out.set(name, { dtype: "F32", shape: entry.shape, data });
  }
  return out;
}

const floats = async (device: Device, slice: Slice): Promise<Float32Array> =>
  slice.length > 0 ? new Float32Array(await device.read(slice)) : new Float32Array(0);

/**
 * Overwrites a placed model's values with those of a state_dict, matched by name. Missing or
 * unknown names, other shapes, or names of one part with different values, are an error that lists
 * them; nothing is loaded then. Of several names of one part one is enough, and
 * `num_batches_tracked` may be missing.
 *
 * @throws ModuleError
 */
export function loadStateDict(model: Module, dict: StateDict): void {
  const { device } = placementOf(model);
  const entries = entriesOf(model);
  const names = new Map<Entry, string[]>();
  for (const [name, entry] of entries) names.set(entry, [...(names.get(entry) ?? []), name]);
  const faults = [...names].flatMap(([entry, all]) => faultsOf(entry, all, dict));
  for (const name of dict.keys()) {
    if (!entries.has(name) && !name.endsWith("num_batches_tracked")) {
      faults.push(`unknown: ${name}`);
    }
  }
  if (faults.length > 0) {
    const more = faults.length > 8 ? ` and ${faults.length - 8} more` : "";
    throw new ModuleError(
      `the checkpoint does not fit the model: ${faults.slice(0, 8).join("; ")}${more}; ` +
        "check architecture, width and number of classes",
    );
  }
  for (const [entry, all] of names) {
    const found = all.map((name) => dict.get(name)).find((tensor) => tensor !== undefined);
    if (!found) continue;
    const { data } = found;
    if (entry instanceof BatchNorm2d) {
      entry.batchesTracked = Number(data[0] ?? 0);
    } else {
      const values = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
      device.write(entry.own.slice, entry.toDevice(values));
    }
  }
}

function faultsOf(entry: Entry, names: readonly string[], dict: StateDict): string[] {
  const found = names.flatMap((name) => {
    const tensor = dict.get(name);
    return tensor ? [{ name, tensor }] : [];
  });
  const [first] = found;
  if (!(entry instanceof BatchNorm2d)) {
    if (!first) return [`missing: ${names.join(" or ")} ${formatShape(entry.shape)}`];
    const faults = found.flatMap(({ name, tensor }) => faultOf(name, tensor, entry));
    if (faults.length > 0) return faults;
  }
  return found.flatMap(({ name, tensor }) => {
    if (!first || sameValues(first.tensor, tensor)) return [];
    return [`${first.name} and ${name} are one tensor of the model, but differ`];
  });
}

function faultOf(name: string, { dtype, shape, data }: NamedTensor, o: Parameter | Statistic) {
  if (!sameShape(shape, o.shape)) {
    return [`${name} is ${formatShape(shape)}, the model has ${formatShape(o.shape)}`];
  }
  if (dtype !== "F32" && dtype !== "F64") return [`${name} is ${dtype}, not a floating type`];
  if (data.length !== o.size) return [`${name} has ${data.length} values of ${o.size}`];
  return [];
}

function sameValues({ data: a }: NamedTensor, { data: b }: NamedTensor): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  }
  return true;
}
