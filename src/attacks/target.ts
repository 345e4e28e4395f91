import type { Labelled } from "../data/image-set.js";
import type { AttackKind } from "./attack.js";

/**
 * Which class triggered images shall be taken for: one for all of them, or for each class the next
 * one (y + 1 mod K; Gu et al. 2017, section 4.2).
 */
export const mappings = ["all-to-one", "all-to-all"] as const;
export type Mapping = (typeof mappings)[number];

/** What an attack is after. */
export interface Goal {
  /** For all-to-one; all-to-all has none, and passes it over. */
  readonly target: number;
  /** Default: all-to-one. */
  readonly mapping?: Mapping | undefined;
}

/**
 * The class that a triggered image of each class shall be taken for.
 * @throws RangeError when the target is no class of the set, or a clean-label attack, which changes no
 *   label, shall change them all
 */
export function targetsOf(
  set: Labelled,
  { target, mapping = "all-to-one" }: Goal,
  kind: AttackKind = "dirty-label",
): (label: number) => number {
  const count = set.classes.length;
  if (mapping === "all-to-all") {
    if (kind === "clean-label") {
      throw new RangeError("all-to-all: a clean-label attack keeps labels; choose all-to-one");
    }
    return (label) => (label + 1) % count;
  }
  if (!Number.isInteger(target) || target < 0 || target >= count) {
    throw new RangeError(
      `target ${target} is no class of ${set.name}, which has 0 .. ${count - 1}`,
    );
  }
  return () => target;
}
