/**
 * The run, off the page's thread: train a victim with a Blended backdoor, then purify it by FST.
 * This is also how a page of your own would use the library.
 */
import {
  type Classifier,
  type DemoConfiguration,
  type Device,
  DeviceUnavailableError,
  demoConfiguration,
  difference,
  differenceGain,
  type EpochProgress,
  Examiner,
  type ImageSet,
  imageSet,
  indexedDbTuneStore,
  openDevice,
  openWebGpuDevice,
  pictureUrl,
  predict,
  purify,
  type StepProgress,
  sampleStep,
  syntheticShapes,
  type TriggerPicture,
  TuneStoreError,
  trainVictim,
  WebGpuDevice,
} from "shiftgrad";
import type { Phase, Report, RunConfig, Start, Stop } from "./protocol.js";

const shownPictures = 5;
const abort = new AbortController();
const report = (message: Report): void => self.postMessage(message);

self.addEventListener("message", async ({ data }: MessageEvent<Start | Stop>) => {
  if (data.kind === "stop") {
    abort.abort();
    return;
  }
  try {
    await (data.kind === "tune" ? tune : run)(data.config, abort.signal);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    report(abort.signal.aborted ? { kind: "stopped" } : { kind: "failed", message });
  }
});

async function run(config: RunConfig, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  report({ kind: "busy", text: "Opening the device" });
  const device = await open(config.device);
  try {
    await plantAndPurify(device, config, signal);
  } finally {
    await device.destroy();
  }
  report({ kind: "done", seconds: (performance.now() - started) / 1000 });
}

/** Measures the kernels of the training step once; later visits run the fastest. */
async function tune({ width, batchSize }: RunConfig, signal: AbortSignal): Promise<void> {
  report({ kind: "busy", text: "Compiling the GPU’s programs" });
  const device = await openWebGpuDevice();
  const step = sampleStep(device, { width, batchSize });
  try {
    const results = await device.tune(() => step.run(), {
      ...{ store: indexedDbTuneStore(), signal },
      log: (line) => report({ kind: "busy", text: `Tuning: ${line}` }),
    });
    const changed = results.filter(({ chosen, preset }) => chosen !== preset).length;
    report({ kind: "tuned", shapes: results.length, changed });
  } finally {
    step.release();
    await device.destroy();
  }
}

/** Runs what was tuned in this browser; how many choices that were. */
async function useTuned(device: WebGpuDevice): Promise<number> {
  try {
    const { choices } = await device.useTuned(indexedDbTuneStore());
    return Object.keys(choices).length;
  } catch (error) {
    // A browser that keeps nothing, such as a private window, has nothing tuned.
    if (error instanceof TuneStoreError) return 0;
    throw error;
  }
}

/** The device asked for; where WebGPU is missing, the CPU device and a note that says why. */
async function open(wanted: RunConfig["device"]): Promise<Device> {
  let note: string | null = null;
  const device = await openDevice({ kind: wanted }).catch((error: unknown) => {
    if (wanted !== "webgpu" || !(error instanceof DeviceUnavailableError)) throw error;
    note = `WebGPU cannot be used here, so this runs on the CPU device: ${error.message}`;
    return openDevice({ kind: "cpu" });
  });
  const { kind, name, threads, software } = device.info;
  const tuned = device instanceof WebGpuDevice ? await useTuned(device) : 0;
  const text =
    kind === "webgpu"
      ? `WebGPU on ${name}${software ? " (a software adapter)" : ""}` +
        (tuned > 0 ? `, ${tuned} choices of kernels tuned here` : "")
      : `CPU device, WebAssembly SIMD on ${threads} ${threads === 1 ? "thread" : "threads"}`;
  if (kind === "cpu" && !globalThis.crossOriginIsolated) {
    note ??= "This page is not cross-origin isolated, so the CPU device has one thread.";
  }
  report({ kind: "device", text, note });
  return device;
}

/** The command line's demo, with the page's choices in place of its own. */
function configure(config: RunConfig): DemoConfiguration {
  const { victim, tuning, ...demo } = demoConfiguration({ methods: ["fst"], seed: config.seed });
  const { epochs, batchSize, rate } = config;
  return {
    ...demo,
    victim: {
      ...victim,
      model: { ...victim.model, width: config.width },
      attack: victim.attack && { ...victim.attack, rate },
      training: { ...victim.training, epochs, batchSize },
    },
    tuning: { ...tuning, epochs: config.tuningEpochs, batchSize },
  };
}

async function plantAndPurify(
  device: Device,
  config: RunConfig,
  signal: AbortSignal,
): Promise<void> {
  report({ kind: "busy", text: "Drawing the pictures" });
  const { victim, methods, tuning } = configure(config);
  const { images, seed } = config;
  const data = syntheticShapes({ train: images, test: Math.max(40, Math.ceil(images / 3)), seed });
  const examiner = await Examiner.create(data.test, victim.attack);
  const pictures = examiner.pictures(shownPictures);
  const target = data.test.classes[victim.attack?.target ?? 0] ?? "";
  report({ kind: "pictures", pictures: pictures.map(toUrls), target });

  const hooks = (phase: Phase) => ({
    signal,
    onCompile: (done: number, all: number) =>
      report({ kind: "busy", text: `Compiling the GPU's programs, ${done} of ${all}` }),
    onStep: (progress: StepProgress) => reportStep(phase, progress),
    onEpoch: async ({ epoch }: EpochProgress, model: Classifier) => {
      const { cleanAccuracy, backdoor } = await examiner.examine(model, { signal });
      const attackSuccess = backdoor?.attackSuccess ?? 0;
      report({ kind: "rates", phase, epoch: epoch + 1, cleanAccuracy, attackSuccess });
    },
  });
  const answer = async (phase: Phase, model: Classifier): Promise<void> => {
    const labels = await predict(model, triggeredSet(pictures, data.test));
    const classes = [...labels].map((label) => data.test.classes[label] ?? "");
    report({ kind: "answers", phase, classes });
  };

  const trained = await trainVictim(device, data.train, victim, hooks("victim"));
  await answer("victim", trained.model);
  for (const method of methods) {
    await purify(trained.model, trained.tuning, method, tuning, hooks("fst"));
  }
  await answer("fst", trained.model);
}

function reportStep(phase: Phase, progress: StepProgress): void {
  const { epoch, epochs, step, steps, loss, images, seconds } = progress;
  report({ kind: "step", phase, epoch, epochs, step, steps, loss, rate: images / seconds });
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
