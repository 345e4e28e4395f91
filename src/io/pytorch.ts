import { describe } from "./describe.js";
import { reading } from "./file-format-error.js";
import { readLegacyFormat, readZipFormat } from "./pytorch-containers.js";
import { type Found, lookUp, search } from "./pytorch-search.js";
import {
  fail,
  isTensor,
  materialise,
  type StoredTensor,
  UnreadableTensor,
} from "./pytorch-tensors.js";
import { budgetFor, COST, type ReadBudget, type ReadOptions } from "./read-budget.js";
import type { NamedTensor } from "./state-dict.js";
import { unwrapNames } from "./wrapper-names.js";
import { isZip } from "./zip.js";

export interface PyTorchOptions extends ReadOptions {
  /**
   * Where the state_dict lies in the file: "net", or "ema.model" for a dict within a dict, "" for the
   * saved dict itself. Where it is not given, the usual keys are looked under first.
   */
  key?: string;
}

/** Where in a file tensors came from. */
export interface Origin {
  readonly container: "zip" | "legacy";
  /** The way to the dict that was read; "" is the saved object itself. */
  readonly key: string;
  /** Other dicts of tensors under usual keys, which the option `key` would read. */
  readonly others: readonly string[];
  /** What was taken off the names: "module." and the like. */
  readonly unwrapped: readonly string[];
  /** False where the file has no checksums, so that damage in values cannot be seen. */
  readonly checked: boolean;
}

/** The tensors of a PyTorch file by name, and what else there is to know of them. */
export class PyTorchTensors extends Map<string, NamedTensor> {
  /** @param skipped what lies among the tensors and is not here, with the reason for each */
  constructor(
    tensors: Iterable<readonly [string, NamedTensor]>,
    readonly origin: Origin,
    readonly skipped: ReadonlyMap<string, string>,
  ) {
    super(tensors);
  }
}

/**
 * Reads the state_dict of a file that `torch.save` wrote (the zip format, and the one before
 * PyTorch 1.6). Nothing in the file is executed: of all that a pickle can call, only what rebuilds
 * tensors, parameters and dicts is known here, and everything else stays a placeholder, which is an
 * error only where it lies on the way to the tensors. The state_dict is looked for under the usual
 * keys ("state_dict", "model_state_dict", "model", "net", "netC" ...) before the saved dict itself
 * is taken; `origin` says which it was. 16- and 8-bit floating values come as F32, booleans as U8.
 * @throws FileFormatError that names what is damaged, the keys there are, or what would have to be
 *   run; also when reading would take more memory than the options allow
 */
export function readPyTorch(file: Uint8Array, options: PyTorchOptions = {}): PyTorchTensors {
  const budget = budgetFor(file, options);
  return reading("PyTorch file", options.file, () => {
    const saved = isZip(file) ? readZipFormat(file, budget) : readLegacyFormat(file, budget);
    const { root, container, checked } = saved;
    const found = options.key === undefined ? search(root, budget) : lookUp(root, options.key);
    const { entries, skipped } = select(found, budget);
    const names = entries.map(([name]) => name);
    const lightning = root instanceof Map && root.has("pytorch-lightning_version");
    const outermost = lightning ? "model" : undefined;
    const unwrapped = unwrapNames(names, options, budget, outermost);
    const tensors: [string, NamedTensor][] = [];
    for (const [i, [, tensor]] of entries.entries()) {
      const name = unwrapped.names[i] as string;
      if (tensor instanceof UnreadableTensor) skipped.set(name, `it is ${tensor.reason}`);
      else tensors.push([name, materialise(name, tensor, budget)]);
    }
    const { key, others } = found;
    if (tensors.length === 0) {
      const reasons = [...skipped].map(([name, reason]) => `${describe(name)}: ${reason}`);
      fail(
        `${key === "" ? "it" : describe(key)} holds no tensor that can be read (${first(reasons)})`,
      );
    }
    const origin = { container, key, others, unwrapped: unwrapped.removed, checked };
    return new PyTorchTensors(tensors, origin, skipped);
  });
}

interface Selection {
  readonly entries: readonly (readonly [string, StoredTensor | UnreadableTensor])[];
  /** What is no tensor, or has no name, with the reason. */
  readonly skipped: Map<string, string>;
}

function select({ dict }: Found, budget: ReadBudget): Selection {
  const entries: [string, StoredTensor | UnreadableTensor][] = [];
  const skipped = new Map<string, string>();
  for (const [name, value] of dict) {
    budget.allocate(COST.item + 2 * COST.object, "what lies among the tensors");
    const text = typeof name === "string" ? name : undefined;
    if (isTensor(value) && text !== undefined) entries.push([text, value]);
    else {
      const reason = isTensor(value)
        ? "its name is no text"
        : `it is no tensor, but ${describe(value)}`;
      skipped.set(text ?? describe(name), reason);
    }
  }
  // torch.optim.swa_utils.AveragedModel counts beside the model that it wraps.
  const counts = entries.findIndex(([name]) => name === AVERAGED);
  if (counts >= 0 && entries.every(([name], i) => i === counts || name.startsWith("module."))) {
    entries.splice(counts, 1);
    skipped.set(AVERAGED, "it counts the models that were averaged");
  }
  return { entries, skipped };
}

const AVERAGED = "n_averaged";

const first = (reasons: readonly string[]): string =>
  reasons.slice(0, 4).join("; ") + (reasons.length > 4 ? ` and ${reasons.length - 4} more` : "");
