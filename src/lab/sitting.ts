import type { VariantMap, VariantNotes } from "../device/choices.js";
import type { Device } from "../device/device.js";
import type { PausedFit } from "../training/pause.js";
import { decodeState, encodeState, type RanOn } from "./checkpoint.js";
import type { RunDirectory } from "./run-directory.js";
import { countVariants, notPresets } from "./variants.js";

export interface SittingHooks {
  /** The first epoch to run when an interrupted run goes on. */
  onResume?: (epoch: number) => void;
  /** Something that whoever repeats or compares the run should know. */
  onNote?: (line: string) => void;
}

/** What one process does of a run: an interrupted run takes several. */
export class Sitting implements Disposable {
  readonly directory: RunDirectory;
  /** The kernel variants that run. */
  readonly notes: VariantNotes;
  readonly #device: Device;
  #before: VariantMap = {};
  #repeated: Disposable | undefined;

  constructor(directory: RunDirectory, device: Device) {
    this.directory = directory;
    this.#device = device;
    this.notes = device.noteVariants();
  }

  /** The variants that made what there is of the run, where they are not presets. */
  get variants(): VariantMap {
    return { ...this.#before, ...notPresets(this.notes) };
  }

  /** Counts the variants of a part that is a run of its own, maybe finished in an earlier sitting. */
  include(variants: VariantMap): void {
    this.#before = { ...this.#before, ...variants };
  }

  /** What the run goes on from, on the variants it began with; its metrics are cut to the same epoch. */
  async resume(hooks: SittingHooks): Promise<PausedFit | undefined> {
    const bytes = await this.directory.readIfAny("resume");
    const found = bytes ? decodeState(bytes) : undefined;
    await this.directory.metrics.keepEpochsBefore(found?.state.epochs ?? 0);
    if (!found) return undefined;
    hooks.onResume?.(found.state.epochs);
    if (found.ranOn) this.#repeat(found.ranOn, hooks);
    return found.state;
  }

  #repeat({ device, variants }: RanOn, hooks: SittingHooks): void {
    this.include(variants);
    const { info } = this.#device;
    const [there, here] = [describe(device), describe(info)];
    if (there !== here) {
      hooks.onNote?.(
        `the run began on ${there} and goes on on ${here}, which may round otherwise: no one run ` +
          "repeats it",
      );
      return;
    }
    this.#repeated = this.#device.useVariants(variants);
    if (info.kind === "webgpu") {
      hooks.onNote?.(`kernels: ${countVariants(variants)}, as when the run began`);
    }
  }

  /** Leaves what a later sitting may go on from. */
  async pause(state: PausedFit): Promise<void> {
    const { name, features } = this.#device.info;
    const ranOn = { device: { name, features }, variants: this.variants };
    await this.directory.write("resume", encodeState(state, ranOn));
  }

  [Symbol.dispose](): void {
    this.notes[Symbol.dispose]();
    this.#repeated?.[Symbol.dispose]();
  }
}

/** What presets go by. */
const describe = ({ name, features }: RanOn["device"]): string =>
  `${name} (${[...features].sort().join(", ")})`;
