import { describe } from "./describe.js";
import { FileFormatError } from "./file-format-error.js";
import { COST, type ReadBudget, type ReadOptions } from "./read-budget.js";

export interface UnwrappedNames {
  /** In the order of the names they were. */
  readonly names: readonly string[];
  /** What was taken off, with all that stood before it: "module.", "features.module.". */
  readonly removed: readonly string[];
}

const COMPILED = "_orig_mod";
const PARALLEL = "module";

/** Modules lie less deep than this in any model; what follows is left as it is. */
const DEEPEST = 32;

/**
 * Takes the names of modules that only wrap another off: `module` (DataParallel and
 * DistributedDataParallel) and `_orig_mod` (torch.compile), in any nesting. A wrapper has one child,
 * so `module` counts as one only where all names that share what stands before it go on with it.
 * @param wrappers "keep" leaves all names as they are
 * @param outermost a further module that wraps the whole model
 * @throws FileFormatError where some names have the wrapper and others lack it, and where two names
 *   become one
 */
export function unwrapNames(
  names: readonly string[],
  { wrappers }: Pick<ReadOptions, "wrappers">,
  budget: ReadBudget,
  outermost?: string,
): UnwrappedNames {
  if (wrappers === "keep") return { names, removed: [] };
  const wraps = (part: string, at: string) =>
    part === COMPILED || part === PARALLEL || (at === "" && part === outermost);
  const removed: string[] = [];
  const parts = names.map((name) => {
    const split = name.split(".", DEEPEST);
    budget.allocate(COST.string * (split.length + 1), "the tensors' names");
    budget.step(split.length);
    const rest = name.slice(split.join(".").length);
    return { name, split, rest, kept: [] as string[] };
  });
  type Parts = (typeof parts)[number];

  const visit = (group: readonly Parts[], depth: number, at: string): void => {
    const children = new Map<string | undefined, Parts[]>();
    for (const entry of group) {
      const part = entry.split[depth];
      const child = children.get(part);
      if (child) child.push(entry);
      else children.set(part, [entry]);
    }
    for (const [part, child] of children) {
      if (part === undefined) continue;
      const leads = child.every(({ split, rest }) => split.length > depth + 1 || rest !== "");
      if (leads && wraps(part, at) && children.size === 1) {
        removed.push(`${at}${part}.`);
      } else {
        if (leads) refuseMixed(part, at, children);
        for (const { kept } of child) kept.push(part);
      }
      visit(child, depth + 1, `${at}${part}.`);
    }
  };
  visit(parts, 0, "");

  const unwrapped = parts.map(({ kept, rest }) =>
    kept.length > 0 ? kept.join(".") + rest : rest.slice(1),
  );
  const seen = new Map<string, string>();
  for (const [i, name] of unwrapped.entries()) {
    const [before, original] = [seen.get(name), names[i] as string];
    if (before !== undefined) {
      throw new FileFormatError(
        `${describe(before)} and ${describe(original)} are both ${describe(name)} without what ` +
          'wraps them; read the names as they are with the option wrappers: "keep"',
      );
    }
    seen.set(name, original);
  }
  return { names: unwrapped, removed };
}

/** A compiled module has one child, and DataParallel around a whole model leaves no name outside. */
function refuseMixed(
  part: string,
  at: string,
  children: ReadonlyMap<string | undefined, readonly { name: string }[]>,
): void {
  const wrapper = part === COMPILED || (part === PARALLEL && at === "");
  if (!wrapper || children.size === 1) return;
  const [, other] = [...children].find(([name]) => name !== part) ?? [];
  throw new FileFormatError(
    `some names go on with ${part}. after "${at}" and others do not (` +
      `${describe(children.get(part)?.[0]?.name)}, ${describe(other?.[0]?.name)}), so it is unclear ` +
      'whose weights they are; read the names as they are with the option wrappers: "keep"',
  );
}
