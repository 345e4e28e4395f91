import type { VariantMap, VariantNotes } from "../../device/choices.js";
import type { Device } from "../../device/device.js";
import type { StateDict } from "../../io/state-dict.js";
import type { Classifier } from "../../models/classifier.js";
import { FormatError } from "../../schema/index.js";
import type { EpochProgress, StepProgress } from "../../training/fit.js";
import type { PausedFit } from "../../training/pause.js";
import type { ExamineOptions, Examiner } from "../examination/examine.js";
import {
  decodeCheckpoint,
  decodeState,
  encodeAttack,
  encodeState,
  type RanOn,
} from "../records/checkpoint.js";
import {
  type EpochLine,
  epochLine,
  formatMetrics,
  type MetricLine,
  parseMetrics,
  stepLine,
} from "../records/metrics-log.js";
import { countVariants, notPresets } from "../records/variants.js";
import type { Left } from "./ledger.js";
import type { HashedFile, RunDirectory } from "./run-directory.js";

/** What a run tells while it goes on. */
export interface RunHooks {
  /** A new part of the work begins. */
  onStage?: (stage: string) => void;
  /** Kernels compiled, of those that a step needs and that were missing. */
  onCompile?: (done: number, all: number) => void;
  onStep?: (progress: StepProgress) => void;
  onEpoch?: (line: EpochLine, epochs: number) => void;
  /** Images examined so far. */
  onExamined?: (done: number, all: number) => void;
  /** The first epoch to run when an interrupted run goes on. */
  onResume?: (epoch: number) => void;
  /** Something that whoever repeats or compares the run should know. */
  onNote?: (line: string) => void;
  /** The run ends before it is finished: what is left of it. */
  onLeft?: (left: RunLeft) => void;
  signal?: AbortSignal;
}

/** What a run that ended early leaves to go on from. */
export interface RunLeft {
  readonly directory: string;
  /** Epochs that will not be repeated. */
  readonly epochs: number;
  /** Whether all that is missing is the report. */
  readonly finished: boolean;
}

/** Who looks at a model between epochs, or who makes that from the attack's present state. */
type Sample = Examiner | null | ((attackState: StateDict | null) => Promise<Examiner | null>);

/** Where an attempt keeps what a later one may go on from. */
export interface Keeper {
  readonly directory: RunDirectory;
  replace(contents: Partial<Record<HashedFile, string | Uint8Array>>): Promise<void>;
}

/** What one process does of a run: an interrupted run takes several. */
export class Attempt implements Disposable {
  /** The kernel variants that run. */
  readonly notes: VariantNotes;
  readonly hooks: RunHooks;
  readonly #device: Device;
  #keeper: Keeper | undefined;
  #left: Left = { resume: null, metrics: null, prepared: null };
  #lines: MetricLine[] = [];
  #epochs = 0;
  #before: VariantMap = {};
  #repeated: Disposable | undefined;

  constructor(device: Device, hooks: RunHooks) {
    this.#device = device;
    this.hooks = hooks;
    this.notes = device.noteVariants();
  }

  /** Lets the attempt keep what it does, and go on from what an earlier one left. */
  keepIn(keeper: Keeper, left: Left): void {
    this.#keeper = keeper;
    this.#left = left;
  }

  /** Epochs done that a later attempt need not repeat. */
  get epochs(): number {
    return this.#epochs;
  }

  /** The variants that made what there is of the run, where they are not presets. */
  get variants(): VariantMap {
    return { ...this.#before, ...notPresets(this.notes) };
  }

  /** What an examination tells, and by what it is stopped. */
  get examination(): ExamineOptions {
    const { onExamined, signal } = this.hooks;
    return { ...(onExamined && { onProgress: onExamined }), ...(signal && { signal }) };
  }

  /** Counts the variants of a part that is a run of its own, maybe finished in an earlier attempt. */
  include(variants: VariantMap): void {
    this.#before = { ...this.#before, ...variants };
  }

  /** What was prepared: by an earlier attempt, or now; it is kept for a later one. */
  async prepared(prepare: () => Promise<StateDict | null>): Promise<StateDict | null> {
    const kept = this.#left.prepared;
    if (kept) return decodeCheckpoint(kept, this.#keeper?.directory.file("prepared") ?? "");
    const made = await prepare();
    if (made) await this.#keeper?.replace({ prepared: encodeAttack(made) });
    return made;
  }

  /**
   * Options for a loop over `epochs` epochs (any number by default) that goes on where an earlier attempt stopped, on the
   * variants that it ran, and leaves after each epoch what a later attempt may go on from.
   *
   * @param sample looks at the model after each epoch, for the curves; made anew each time where the
   *   attack is trained together with the model
   * @throws FormatError when what was left is damaged
   */
  loop(sample: Sample, epochs = Number.POSITIVE_INFINITY) {
    const { onStep, onEpoch, onCompile, signal } = this.hooks;
    const resume = this.#resume(epochs);
    return {
      ...(resume && { resume }),
      ...(onCompile && { onCompile }),
      ...(signal && { signal }),
      onStep: (progress: StepProgress): void => {
        const line = stepLine(progress);
        if (line) this.#lines.push(line);
        onStep?.(progress);
      },
      onEpoch: async (
        progress: EpochProgress,
        model: Classifier,
        attackState?: () => Promise<StateDict | null>,
      ): Promise<void> => {
        const examiner =
          typeof sample === "function" ? await sample((await attackState?.()) ?? null) : sample;
        const found = examiner && (await examiner.examine(model, { ...(signal && { signal }) }));
        const line = epochLine(progress, found);
        this.#lines.push(line);
        onEpoch?.(line, progress.epochs);
      },
      onPause: (state: PausedFit): Promise<void> => this.#pause(state),
    };
  }

  #resume(epochs: number): PausedFit | undefined {
    const { directory } = this.#keeper ?? {};
    const { resume, metrics } = this.#left;
    this.#left = { resume: null, metrics: null, prepared: null };
    if (!directory || !resume) return undefined;
    const file = directory.file("resume");
    const { state, ranOn } = decodeState(resume, file);
    if (state.epochs > epochs) {
      throw new FormatError(`${file} is after ${state.epochs} epochs of ${epochs}; delete it`);
    }
    if (metrics) {
      const lines = parseMetrics(new TextDecoder().decode(metrics), directory.file("metrics"));
      // What came after the epoch will be done again.
      this.#lines = lines.filter((line) => line.epoch < state.epochs);
    }
    this.#epochs = state.epochs;
    this.hooks.onResume?.(state.epochs);
    if (ranOn) this.#repeat(ranOn);
    return state;
  }

  #repeat({ device, variants }: RanOn): void {
    this.include(variants);
    const { info } = this.#device;
    const [there, here] = [describe(device), describe(info)];
    if (there !== here) {
      this.hooks.onNote?.(
        `the run began on ${there} and goes on on ${here}, which may round otherwise: no one run ` +
          "repeats it",
      );
      return;
    }
    this.#repeated = this.#device.useVariants(variants);
    if (info.kind === "webgpu") {
      this.hooks.onNote?.(`kernels: ${countVariants(variants)}, as when the run began`);
    }
  }

  async #pause(state: PausedFit): Promise<void> {
    const { name, features } = this.#device.info;
    const ranOn = { device: { name, features }, variants: this.variants };
    const [metrics, resume] = [formatMetrics(this.#lines), encodeState(state, ranOn)];
    await this.#keeper?.replace({ metrics, resume });
    this.#epochs = state.epochs;
  }

  [Symbol.dispose](): void {
    this.notes[Symbol.dispose]();
    this.#repeated?.[Symbol.dispose]();
  }
}

/** What presets go by. */
const describe = ({ name, features }: RanOn["device"]): string =>
  `${name} (${[...features].sort().join(", ")})`;
