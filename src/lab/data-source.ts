import { cifar10, type TrainAndTest } from "../data/cifar10.js";
import { directory } from "../data/directory.js";
import { contentHash } from "../data/hash.js";
import type { ImageSet } from "../data/image-set.js";
import { syntheticShapes } from "../data/synthetic.js";
import type { DataSource } from "./configuration.js";
import type { DataIdentity } from "./record.js";

/** Images at hand, and what they are. */
export interface OpenedData extends TrainAndTest {
  readonly identities: Readonly<Record<"train" | "test", DataIdentity>>;
}

/** Images that are not those of an earlier run. */
export class DataMismatchError extends Error {
  override name = "DataMismatchError";
}

/** Reads or draws the images of a source. Node only. */
export async function openData(source: DataSource): Promise<OpenedData> {
  const { train, test } =
    source.kind === "cifar10"
      ? await cifar10(directory(source.directory))
      : syntheticShapes(source);
  return { train, test, identities: { train: await identify(train), test: await identify(test) } };
}

export const identify = async (set: ImageSet): Promise<DataIdentity> => ({
  name: set.name,
  images: set.labels.length,
  sha256: await contentHash(set),
});

/**
 * Compares images with those of a run, part by part.
 *
 * @throws DataMismatchError when a part is not what the record of the run names
 */
export function checkIdentities(
  found: Readonly<Record<string, DataIdentity>>,
  recorded: Readonly<Record<string, DataIdentity>>,
  run: string,
): void {
  for (const [part, now] of Object.entries(found)) {
    const then = recorded[part];
    if (!then || now.sha256 === then.sha256) continue;
    throw new DataMismatchError(
      `the ${part} images are not those of ${run}: ${now.name} with ${now.images} images has ` +
        `SHA-256 ${now.sha256.slice(0, 12)}..., the record says ${then.name} with ` +
        `${then.images} images and ${then.sha256.slice(0, 12)}...; ` +
        "give the run's own data with --data",
    );
  }
}
