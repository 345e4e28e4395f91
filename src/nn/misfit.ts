import { describe } from "../io/describe.js";
import { faultOf, type NamedTensor, type StateDict } from "../io/state-dict.js";
import { formatShape, type Shape, sameShape } from "../tensor/shape.js";

/** What a model has under a name. */
interface Owned {
  readonly shape: Shape;
}

const COUNTER = /(^|\.)num_batches_tracked$/;

/**
 * Why a state_dict cannot be loaded into a model with these values, or undefined when it can: names
 * that are missing, names that are unknown, and tensors whose shape, type or number of values is
 * another, a few of each kind. Batch norm's `num_batches_tracked` may be missing or left over.
 */
export function misfit(
  owned: Iterable<readonly [string, Owned]>,
  dict: StateDict,
): string | undefined {
  if (!(dict instanceof Map))
    return "it is no Map of tensors by name, as readers return in `tensors`";
  const model = new Map(owned);
  const missing = [...model].filter(([name]) => !dict.has(name));
  const unknown = [...dict.keys()].filter((name) => !model.has(name) && !COUNTER.test(name));
  const unfit = [...dict].flatMap(([name, found]) => {
    const expected = model.get(name);
    if (expected) return misfitOf(name, found, expected.shape);
    return COUNTER.test(name) ? counterMisfit(name, found) : [];
  });
  const kinds = [
    list(
      "missing: ",
      missing.map(([name, { shape }]) => `${name} ${formatShape(shape)}`),
    ),
    list("unknown: ", unknown.map(describe)),
    list("", unfit),
  ].filter((kind) => kind !== "");
  const names = missing.map(([name]) => name);
  return kinds.length === 0 ? undefined : kinds.join("; ") + prefixHint(names, unknown);
}

const SHOWN = 6;

function list(kind: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : "";
  return `${kind}${items.slice(0, SHOWN).join(", ")}${more}`;
}

function misfitOf(name: string, found: NamedTensor, shape: Shape): string[] {
  const fault = faultOf(found);
  if (fault !== undefined) return [`${name} ${fault}`];
  if (!sameShape(found.shape, shape)) {
    return [`${name} is ${formatShape(found.shape)}, the model has ${formatShape(shape)}`];
  }
  if (found.dtype === "F32") return [];
  if (found.dtype !== "F64") return [`${name} is ${found.dtype}, not a floating type`];
  const beyond = found.data.find((v) => Number.isFinite(v) && !Number.isFinite(Math.fround(v)));
  return beyond === undefined ? [] : [`${name} holds ${beyond}, which F32 cannot`];
}

function counterMisfit(name: string, found: NamedTensor): string[] {
  const fault = faultOf(found);
  if (fault !== undefined) return [`${name} ${fault}`];
  const count = Number(found.data[0]);
  const one = found.data.length === 1 && Number.isSafeInteger(count) && count >= 0;
  return one ? [] : [`${name} is no count of batches`];
}

/** Where all that is missing is there under one prefix, says so. */
function prefixHint(missing: readonly string[], unknown: readonly string[]): string {
  const [first] = missing;
  const other = unknown.find((name) => first !== undefined && name.endsWith(`.${first}`));
  if (first === undefined || other === undefined) return "";
  const prefix = other.slice(0, -first.length);
  const there = new Set(unknown);
  if (!missing.every((name) => there.has(prefix + name))) return "";
  return ` (its names have ${describe(prefix)} in front: take it off)`;
}
