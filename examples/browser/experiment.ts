/**
 * Plant a Blended backdoor in a victim, then purify the victim by FT and by FST, each from the same
 * checkpoint. This is also how a page of your own would use the library.
 */
import {
  type Classifier,
  type DemoConfiguration,
  type Device,
  decodeCheckpoint,
  decodeState,
  demoConfiguration,
  difference,
  differenceGain,
  drawSyntheticShapes,
  type EpochProgress,
  type Examination,
  Examiner,
  encodeCheckpoint,
  encodeState,
  type ImageSet,
  imageSet,
  loadStateDict,
  modelFrom,
  notPresets,
  type PausedFit,
  pictureUrl,
  predict,
  purify,
  type RanOn,
  type StepProgress,
  type TriggerPicture,
  trainVictim,
  victimData,
} from "shiftgrad";
import type { KeptState } from "./keep.js";
import { type Phase, phases, type Report, type RunReport } from "./protocol.js";
import { imageCounts, type Settings } from "./settings.js";

const shownPictures = 5;

/** What there is of a run already; nothing of a new one. */
export interface Past extends KeptState {
  readonly reports: readonly RunReport[];
}

export interface Hooks {
  readonly report: (message: Report) => void;
  /** Keeps what was reported since the last call, and what a later visit goes on from. */
  readonly keep: (change: Partial<KeptState>) => Promise<void>;
  /** Seconds since the run began. */
  readonly seconds: () => number;
  readonly signal: AbortSignal;
}

export async function experiment(
  device: Device,
  settings: Settings,
  past: Past,
  hooks: Hooks,
): Promise<void> {
  const { report, keep, signal } = hooks;
  const { victim, methods, tuning } = configure(settings);
  report({ kind: "busy", text: "Drawing the pictures" });
  const { images: train, seed } = settings;
  const { test } = imageCounts(settings);
  const options = {
    onProgress: (done: number, all: number) =>
      report({ kind: "busy", text: "Drawing the pictures", share: done / all }),
    signal,
  };
  const data = await drawSyntheticShapes({ train, test, seed }, options);
  const examiner = await Examiner.create(data.test, victim.attack);
  const sample = examiner.sample(victim.curve.clean, victim.curve.triggered);
  const pictures = examiner.pictures(shownPictures);
  const { classes } = data.test;
  if (!past.reports.some(({ kind }) => kind === "data")) {
    const target = classes[victim.attack?.target ?? 0] ?? "";
    report({ kind: "data", pictures: pictures.map(toUrls), classes, target });
  }

  using recorder = new Recorder(device, past, hooks);
  let latest: Examination | undefined;
  const during = (phase: Phase) => ({
    ...recorder.resume(phase),
    signal,
    onCompile: (done: number, all: number) =>
      report({ kind: "busy", text: "Preparing the GPU’s programs", share: done / all }),
    onStep: ({ epoch, step, steps, loss, images, seconds }: StepProgress) =>
      report({ kind: "step", phase, epoch, step, steps, loss, rate: images / seconds }),
    onEpoch: async ({ epoch }: EpochProgress, model: Classifier) => {
      latest = await sample.examine(model, { signal });
      const seconds = hooks.seconds();
      report({ kind: "epoch", phase, epoch: epoch + 1, examination: latest, seconds });
    },
    onPause: (state: PausedFit) => keep({ state: recorder.encode(state) }),
  });
  const conclude = async (phase: Phase, model: Classifier): Promise<void> => {
    const whole = sample.images === examiner.images ? latest : undefined;
    const examination = whole ?? (await examiner.examine(model, { signal }));
    const labels = await predict(model, triggeredSet(pictures, data.test));
    const answers = [...labels].map((label) => classes[label] ?? "");
    report({ kind: "result", phase, examination, answers });
  };

  const prepared = await victimData(data.train, victim);
  let model: Classifier;
  let checkpoint = past.victim;
  if (checkpoint) {
    const tensors = decodeCheckpoint(checkpoint, "the kept victim");
    model = modelFrom(tensors, victim.model, data.test, device);
  } else {
    ({ model } = await trainVictim(device, prepared, victim, during("victim")));
    checkpoint = await encodeCheckpoint(model, victim.model);
    await conclude("victim", model);
    await keep({ victim: checkpoint, state: null });
  }
  for (const method of methods) {
    if (isDone(past, method)) continue;
    loadStateDict(model, decodeCheckpoint(checkpoint, "the victim"));
    await purify(model, prepared.tuning, method, tuning, during(method));
    await conclude(method, model);
    await keep({ state: null });
  }
}

const isDone = ({ reports }: Past, phase: Phase): boolean =>
  reports.some((report) => report.kind === "result" && report.phase === phase);

/** The command line's demo, with the page's choices in place of its own. */
function configure(settings: Settings) {
  const methods = phases.filter((phase) => phase !== "victim");
  const { seed, epochs, batchSize, percent, width, tuningEpochs } = settings;
  const { victim, tuning }: DemoConfiguration = demoConfiguration({ methods, seed });
  return {
    methods,
    victim: {
      ...victim,
      model: { ...victim.model, width },
      attack: victim.attack && { ...victim.attack, rate: percent / 100 },
      training: { ...victim.training, epochs, batchSize },
    },
    tuning: { ...tuning, epochs: tuningEpochs, batchSize },
  };
}

/** Makes paused trainings bytes and trainings again, on the kernel variants that they began on. */
class Recorder implements Disposable {
  readonly #device: Device;
  readonly #notes: ReturnType<Device["noteVariants"]>;
  readonly #phase: Phase | undefined;
  readonly #state: PausedFit | undefined;
  readonly #before: RanOn["variants"] = {};
  readonly #repeated: Disposable | undefined;

  constructor(device: Device, past: Past, { report }: Pick<Hooks, "report">) {
    this.#device = device;
    this.#notes = device.noteVariants();
    if (!past.state) return;
    const { state, ranOn } = decodeState(past.state, "the kept run");
    this.#phase = phases.find((phase) => !isDone(past, phase));
    this.#state = state;
    if (ranOn?.device.name !== device.info.name) {
      const text = "It began on another device, so no single run repeats its last digits.";
      report({ kind: "note", text });
      return;
    }
    this.#before = ranOn.variants;
    this.#repeated = device.useVariants(ranOn.variants);
  }

  resume(phase: Phase): { resume?: PausedFit } {
    return phase === this.#phase && this.#state ? { resume: this.#state } : {};
  }

  encode(state: PausedFit): Uint8Array {
    const { name, features } = this.#device.info;
    const variants = { ...this.#before, ...notPresets(this.#notes) };
    return encodeState(state, { device: { name, features }, variants });
  }

  [Symbol.dispose](): void {
    this.#notes[Symbol.dispose]();
    this.#repeated?.[Symbol.dispose]();
  }
}

function toUrls(picture: TriggerPicture) {
  const { label, clean, triggered } = picture;
  return {
    label,
    clean: pictureUrl(clean, picture),
    triggered: pictureUrl(triggered, picture),
    difference: pictureUrl(difference(picture, differenceGain(picture)), picture),
  };
}

function triggeredSet(pictures: readonly TriggerPicture[], like: ImageSet): ImageSet {
  return imageSet({
    ...like,
    images: Uint8Array.from(pictures.flatMap(({ triggered }) => [...triggered])),
    labels: Uint32Array.from(pictures, ({ label }) => like.classes.indexOf(label)),
  });
}
