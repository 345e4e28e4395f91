import { noGrad } from "../autograd/tape.js";
import { features } from "../nn/features.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { stateDict } from "../nn/state-dict.js";
import { flatValues } from "../nn/values.js";
import { empty } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";

/** A model's values or what it computes are NaN or infinite: there is nothing to measure or to train. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError";
  /** Dotted path of the first layer that is not finite; null where none was found. */
  readonly layer: string | null;
  /** The training step after which it was found, counted from 1; null outside of training. */
  readonly step: number | null;

  constructor(message: string, layer: string | null, step: number | null = null) {
    super(message);
    this.layer = layer;
    this.step = step;
  }
}

/** Whether all parameters and running statistics of a placed model are finite. Enqueues four kernels. */
export function hasFiniteValues(model: Module): Promise<boolean> {
  using _ = placementOf(model).device.scope();
  const all = (["parameters", "statistics"] as const).map((which) => flatValues(model, which));
  return Promise.all(all.map(allFinite)).then((known) => known.every(Boolean));
}

/** What is not finite in a model: the first layer of which it is told, and the rest as a phrase. */
export interface Finding {
  readonly layer: string | null;
  readonly detail: string;
}

/** Looks for parameters and statistics that are not finite, by reading all of them. */
export async function findInValues(model: Module): Promise<Finding> {
  const names = await nonFiniteNames(model);
  const [first] = names;
  if (first === undefined) {
    return { layer: null, detail: "all parameters and running statistics are finite" };
  }
  const more = names.length > 1 ? ` and ${names.length - 1} more are` : " is";
  return { layer: layerOf(first), detail: `${first}${more} not finite` };
}

/** Looks for the first layer, in the order they run, whose output is not finite for these inputs. */
export function findInOutputs(model: Module, x: Tensor): Promise<Finding> {
  const told = enqueueLayers(model, x);
  return nameFirst(model, told);
}

async function nameFirst(model: Module, told: readonly LayerFinite[]): Promise<Finding> {
  const finite = await Promise.all(told.map(([, known]) => known));
  const layer = told[finite.indexOf(false)]?.[0];
  if (layer === undefined) return findInValues(model);
  const own = (await nonFiniteNames(model)).filter((name) => layerOf(name) === layer);
  const values =
    own.length > 0
      ? `${own.join(", ")} ${own.length > 1 ? "are" : "is"} not finite`
      : "its values are finite, what it computes overflows";
  return { layer, detail: `${layer} is the first layer whose output is not finite; ${values}` };
}

/** A layer's path, and whether its output is finite. */
type LayerFinite = readonly [path: string, finite: Promise<boolean>];

/** Runs the model, layer by layer, in the order of the result. */
function enqueueLayers(model: Module, x: Tensor): LayerFinite[] {
  using _ = x.device.scope();
  const told: LayerFinite[] = [];
  const look = (path: string) => (y: Tensor) => {
    told.push([path, allFinite(y)]);
    return y;
  };
  const paths = model.modules().flatMap(([path]) => (path === "" ? [] : [path]));
  const edit = Object.fromEntries(paths.map((path) => [path, look(path)]));
  noGrad(() => features(model, x, [], { edit }));
  return told;
}

/** NaN is the largest and the smallest of values that hold it. */
function allFinite(x: Tensor): Promise<boolean> {
  if (x.size === 0) return Promise.resolve(true);
  const ends = (["max", "min"] as const).map((op) => {
    const out = empty(x.device, [], "f32", "extreme");
    const call = { op, x: x.slice, out: out.slice, outer: 1, reduced: x.size, inner: 1 };
    x.device.run("reduce", call);
    return out.item();
  });
  return Promise.all(ends).then((values) => values.every(Number.isFinite));
}

async function nonFiniteNames(model: Module): Promise<string[]> {
  const values = [...(await stateDict(model))];
  return values.flatMap(([name, { data }]) =>
    data instanceof Float32Array && !data.every(Number.isFinite) ? [name] : [],
  );
}

const layerOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")));
