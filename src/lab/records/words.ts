import type { Definition, Options } from "../../schema/index.js";
import type { ModelConfiguration, TrainConfiguration } from "./configuration.js";

/** "width 16, depth 3". */
const listed = (options: Options): string =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");

/** "resnet18 (width 16)". */
export function modelInWords({ architecture, ...options }: ModelConfiguration): string {
  const own = listed(options);
  return own === "" ? architecture : `${architecture} (${own})`;
}

/** "seed 7", or each of them where they differ. */
export function seedsInWords(seeds: TrainConfiguration["seeds"]): string {
  const alike = new Set(Object.values(seeds));
  return alike.size === 1 ? `seed ${seeds.split}` : `seeds ${listed(seeds)}`;
}

/** What is told to a thing other than its defaults: "alpha 0.1", "its defaults". */
export function changesInWords({ options }: Definition, values: Options): string {
  const changed = Object.entries(values).filter(([name, value]) => {
    const field = options.fields[name];
    const preset = field && "fields" in field ? undefined : field?.default;
    return preset === undefined ? false : JSON.stringify(preset) !== JSON.stringify(value);
  });
  return listed(Object.fromEntries(changed)) || "its defaults";
}
