import type { ImageSet } from "../../data/image-set.js";
import type { VariantNotes } from "../../device/choices.js";
import type { Device } from "../../device/device.js";
import { fileHash } from "../../files/atomic.js";
import type { Classifier } from "../../models/classifier.js";
import { placementOf } from "../../nn/place.js";
import { Examiner } from "../examination/examine.js";
import { decodeCheckpoint } from "../records/checkpoint.js";
import type { DataSource, TrainConfiguration } from "../records/configuration.js";
import type { Lineage, PurifyRecord, TrainRecord } from "../records/record.js";
import { shellCommand } from "../records/shell-command.js";
import { variantsNote } from "../records/variants.js";
import { modelFrom } from "../victims/model.js";
import type { RunHooks } from "./attempt.js";
import { RunDirectory, RunDirectoryError, runFiles } from "./run-directory.js";

/** A finished run that left a model. */
export interface SourceRun {
  readonly directory: RunDirectory;
  readonly record: TrainRecord | PurifyRecord;
  /** How the victim at the beginning of its line was trained. */
  readonly victim: TrainConfiguration;
  /** The model's file, as the record names it. */
  readonly checkpoint: Uint8Array;
  /** What the attack's triggers are drawn with, where it is one that is prepared. */
  readonly attack: Uint8Array | null;
  /** What a run that starts from this one says about it. */
  readonly lineage: Lineage;
}

/**
 * Opens a finished train or purify run, whose files must be what its record names. Node only.
 *
 * @param data where the victim's images are now, if not where they were
 * @throws RunDirectoryError when there is no such run, or a file of it was damaged or changed
 */
export async function openSourceRun(path: string, data?: DataSource): Promise<SourceRun> {
  const directory = new RunDirectory(path);
  const record = await directory.record();
  const hash = fileHash((await directory.readIfAny("record")) ?? "");
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
  const checkpoint = await directory.verified("checkpoint", record);
  if (!checkpoint) throw new RunDirectoryError(`${path} has no ${runFiles.checkpoint}`);
  await directory.verified("metrics", record);
  const victim = record.kind === "train" ? record.configuration : record.configuration.victim;
  return {
    ...{ directory, record, checkpoint },
    attack: await directory.verified("attack", record),
    victim: { ...victim, ...(data && { data }) },
    lineage: { directory: path, record: hash, checkpoint: fileHash(checkpoint) },
  };
}

/**
 * Tells when a model's file cannot be verified, and when other kernel variants made it than those it
 * has run on since.
 */
export function tellSource(
  { directory, record }: SourceRun,
  device: Device,
  notes: VariantNotes,
  { onNote }: RunHooks,
): void {
  if (!record.files) {
    onNote?.(`${directory.path}: its record is of version 1, so its model could not be verified`);
  }
  if (record.device.name !== device.info.name) return;
  const line = variantsNote(directory.path, record.variants, notes);
  if (line) onNote?.(line);
}

/** Who examines models of a line of runs. */
export function examinerOf(
  { directory, victim, attack }: SourceRun,
  test: ImageSet,
  device: Device,
): Promise<Examiner> {
  const state = attack && decodeCheckpoint(attack, directory.file("attack"));
  return Examiner.create(test, victim.attack, state ? { state, device } : undefined);
}

/** Runs `work` with the model that a run left, in evaluation mode, and gives its memory back. */
export async function withModelOf<T>(
  { directory, victim, checkpoint }: SourceRun,
  set: ImageSet,
  device: Device,
  work: (model: Classifier) => Promise<T>,
): Promise<T> {
  const tensors = decodeCheckpoint(checkpoint, directory.file("checkpoint"));
  const model = modelFrom(tensors, victim.model, set, device);
  try {
    return await work(model);
  } finally {
    placementOf(model).release();
  }
}
