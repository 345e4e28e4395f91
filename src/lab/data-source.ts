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

/** @throws DataMismatchError when the images are not those that the record of a run names */
export function checkData(
  opened: OpenedData,
  recorded: Readonly<Record<string, DataIdentity>>,
  run: string,
): void {
  for (const part of ["train", "test"] as const) {
    const [found, expected] = [opened.identities[part], recorded[part]];
    if (!expected || found.sha256 === expected.sha256) continue;
    throw new DataMismatchError(
      `the ${part} images are not those of ${run}: ${found.name} with ${found.images} images has ` +
        `SHA-256 ${found.sha256.slice(0, 12)}..., the record says ${expected.name} with ` +
        `${expected.images} images and ${expected.sha256.slice(0, 12)}...; ` +
        "give the run's own data with --data",
    );
  }
}
