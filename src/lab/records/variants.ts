import type { VariantMap, VariantNotes } from "../../device/choices.js";
import { mapOf, text } from "../../schema/index.js";

/** The variants that ran where they were not presets. */
export function notPresets({ ran }: VariantNotes): VariantMap {
  const others = [...ran].filter(([, { variant, preset }]) => variant !== preset);
  return Object.fromEntries(others.map(([shapeClass, { variant }]) => [shapeClass, variant]));
}

/** Variants in a file; files from before they were noted have none. */
export const variantsSchema = mapOf(text({}), {});

/** "12 variants and presets elsewhere", "presets". */
export function countVariants(variants: VariantMap): string {
  const count = Object.keys(variants).length;
  if (count === 0) return "presets";
  return `${count} variant${count === 1 ? "" : "s"} and presets elsewhere`;
}

/**
 * What to tell of a run whose model comes from another run on the same device: the shape classes
 * that other variants computed there. Null if there are none.
 */
export function variantsNote(
  source: string,
  there: VariantMap,
  { ran }: VariantNotes,
): string | null {
  const others = Object.entries(there).flatMap(([shapeClass, variant]) => {
    const here = ran.get(shapeClass)?.variant;
    return here === undefined || here === variant
      ? []
      : [`${shapeClass} (${variant} there, ${here} here)`];
  });
  if (others.length === 0) return null;
  const shown = others.slice(0, 3).join(", ") + (others.length > 3 ? ", ..." : "");
  return (
    `kernels: ${others.length} not as in ${source}, so that last bits may differ: ${shown}; ` +
    `--variants ${source} takes its own`
  );
}
