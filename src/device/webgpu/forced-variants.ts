import type { VariantMap } from "../choices.js";
import { convAlgorithms } from "./conv.js";
import type { WebGpuDevice } from "./device.js";
import { gemmVariants, variantsFor } from "./gemm-variants.js";

/** One variant, and the option of `openWebGpuDevice` that makes every call run it that can. */
export interface ForcedVariant {
  readonly name: string;
  readonly variants: VariantMap;
  /** What the operands it can run on are stored as. */
  readonly types: readonly ("f32" | "f16")[];
}

/** With "direct" for all, convolutions are among the passes of the GEMM variants. */
const algorithms = convAlgorithms.filter((name) => name !== "direct");

/** The names of all variants, whatever an adapter can run. */
export const variantNames: readonly string[] = [...Object.keys(gemmVariants), ...algorithms];

/** Every GEMM variant that the device's adapter can run, and every algorithm of a convolution. */
export function forcedVariants({ traits }: Pick<WebGpuDevice, "traits">): ForcedVariant[] {
  const onSingles: readonly string[] = variantsFor(traits);
  const onHalves: readonly string[] = traits.features.has("shader-f16")
    ? variantsFor(traits, "f16")
    : [];
  const forced = variantNames.map((name): ForcedVariant => {
    if (algorithms.some((algorithm) => algorithm === name)) {
      return { name, variants: { convolution: name }, types: ["f32", "f16"] };
    }
    const types = [
      ...(onSingles.includes(name) ? (["f32"] as const) : []),
      ...(onHalves.includes(name) ? (["f16"] as const) : []),
    ];
    return { name, variants: { "*": name, convolution: "direct" }, types };
  });
  return forced.filter(({ types }) => types.length > 0);
}
