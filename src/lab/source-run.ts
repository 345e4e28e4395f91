import type { ImageSet } from "../data/image-set.js";
import type { VariantNotes } from "../device/choices.js";
import type { Device } from "../device/device.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { decodeCheckpoint } from "./checkpoint.js";
import type { TrainConfiguration } from "./configuration.js";
import { modelFrom } from "./model.js";
import type { PurifyRecord, TrainRecord } from "./record.js";
import { RunDirectory, RunDirectoryError, runFiles } from "./run-directory.js";
import { shellCommand } from "./shell-command.js";
import type { SittingHooks } from "./sitting.js";
import { variantsNote } from "./variants.js";

/** A finished run that left a model. */
export interface SourceRun {
  readonly directory: RunDirectory;
  readonly record: TrainRecord | PurifyRecord;
  /** How the victim at the beginning of its line was trained. */
  readonly victim: TrainConfiguration;
}

/** Opens a finished train or purify run. Node only. */
export async function openSourceRun(path: string): Promise<SourceRun> {
  const directory = new RunDirectory(path);
  const record = await directory.record();
  if (record.kind !== "train" && record.kind !== "purify") {
    throw new RunDirectoryError(
      `${path} is a ${record.kind} run and holds no model; give a train or purify run` +
        (record.kind === "demo" ? `, such as ${path}/victim` : ""),
    );
  }
  if (record.state !== "finished") {
    throw new RunDirectoryError(
      `${path} is not finished (${record.state}); continue it first: ` +
        shellCommand(record.command),
    );
  }
  const victim = record.kind === "train" ? record.configuration : record.configuration.victim;
  return { directory, record, victim };
}

/** Tells when a model was made by other kernel variants than those it has run on since. */
export function tellVariants(
  { directory, record }: SourceRun,
  device: Device,
  notes: VariantNotes,
  { onNote }: SittingHooks,
): void {
  if (record.device.name !== device.info.name) return;
  const line = variantsNote(directory.path, record.variants, notes);
  if (line) onNote?.(line);
}

/** Runs `work` with the model that a run left, in evaluation mode, and gives its memory back. */
export async function withModelOf<T>(
  { directory, victim }: SourceRun,
  set: ImageSet,
  device: Device,
  work: (model: Classifier) => Promise<T>,
): Promise<T> {
  const bytes = await directory.readIfAny("checkpoint");
  if (!bytes) throw new RunDirectoryError(`${directory.path} has no ${runFiles.checkpoint}`);
  const model = modelFrom(decodeCheckpoint(bytes), victim.model, set, device);
  try {
    return await work(model);
  } finally {
    placementOf(model).release();
  }
}
