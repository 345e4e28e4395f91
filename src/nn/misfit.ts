import { describe } from "../io/describe.js";
import { faultOf, type NamedTensor, type StateDict } from "../io/state-dict.js";
import { formatShape, type Shape, sameShape } from "../tensor/shape.js";

/** What a model has under one name, or under several where modules share it. */
export interface Part {
  readonly names: readonly string[];
  /** null for a norm's count of batches. */
  readonly shape: Shape | null;
}

const COUNTER = /(^|\.)num_batches_tracked$/;

/**
 * Why a state_dict cannot be loaded into a model of these parts, or undefined when it can: names
 * that are missing, names that are unknown, tensors whose shape, type or number of values is
 * another, and names of one part that differ; a few of each kind. Of several names one is enough, and
 * batch norm's `num_batches_tracked` may be missing or left over.
 */
export function misfit(parts: readonly Part[], dict: StateDict): string | undefined {
  if (!(dict instanceof Map)) {
    return "it is no Map of tensors by name, as readers return in `tensors`";
  }
  const known = new Set(parts.flatMap(({ names }) => names));
  const missing = parts.flatMap(({ names, shape }) =>
    shape === null || names.some((name) => dict.has(name)) ? [] : [{ names, shape }],
  );
  const unknown = [...dict.keys()].filter((name) => !known.has(name) && !COUNTER.test(name));
  const missed = missing.map(({ names, shape }) => `${names.join(" or ")} ${formatShape(shape)}`);
  const kinds = [
    list("missing: ", missed),
    list("unknown: ", unknown.map(describe)),
    list(
      "",
      parts.flatMap((part) => misfitsOf(part, dict)),
    ),
  ].filter((kind) => kind !== "");
  return kinds.length === 0 ? undefined : kinds.join("; ") + prefixHint(missing, unknown);
}

function misfitsOf({ names, shape }: Part, dict: StateDict): string[] {
  const found = names.flatMap((name) => {
    const tensor = dict.get(name);
    return tensor ? [{ name, tensor }] : [];
  });
  const faults = found.flatMap(({ name, tensor }) =>
    shape === null ? counterMisfit(name, tensor) : misfitOf(name, tensor, shape),
  );
  const [first, ...others] = found;
  if (faults.length > 0 || !first) return faults;
  return others.flatMap(({ name, tensor }) =>
    sameValues(first.tensor, tensor)
      ? []
      : [`${first.name} and ${name} are one tensor of the model, but differ`],
  );
}

function sameValues({ data: a }: NamedTensor, { data: b }: NamedTensor): boolean {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  }
  return a.length === b.length;
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
function prefixHint(missing: readonly Part[], unknown: readonly string[]): string {
  const first = missing[0]?.names[0];
  const other = unknown.find((name) => first !== undefined && name.endsWith(`.${first}`));
  if (first === undefined || other === undefined) return "";
  const prefix = other.slice(0, -first.length);
  const there = new Set(unknown);
  if (!missing.every(({ names }) => names.some((name) => there.has(prefix + name)))) return "";
  return ` (its names have ${describe(prefix)} in front: take it off)`;
}
