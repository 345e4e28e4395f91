import { type Examination, wilson } from "shiftgrad";
import { Chart } from "./chart.js";
import { find } from "./dom.js";
import { basis, type Found, verdictOn } from "./outcome.js";
import { showAnswers, showPictures } from "./pictures.js";
import { type Phase, phases, type Report, type RunReport } from "./protocol.js";
import { showResults } from "./results.js";
import { grouped, type Settings } from "./settings.js";
import { showProgress, showStatus, tellStage } from "./status.js";
import { clock, Pace, workOf } from "./work.js";

type Of<Kind extends Report["kind"]> = Extract<Report, { kind: Kind }>;

const activity: Readonly<Record<Phase, string>> = {
  victim: "training the victim",
  ft: "purifying with FT",
  fst: "purifying with FST",
};
const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const shares = { xLabel: "epoch", share: true } as const;
const chart = (id: string, options: ConstructorParameters<typeof Chart>[1]): Chart =>
  new Chart(find(id), options);
const attack = chart("attack-chart", {
  ...shares,
  ...{ title: "Attack success", hint: "lower is better" },
});
const clean = chart("clean-chart", {
  ...shares,
  ...{ title: "Clean accuracy", hint: "higher is better" },
});
const robust = chart("robust-chart", {
  ...shares,
  ...{ title: "Robust accuracy", hint: "triggered pictures given their own class" },
});
const loss = chart("loss-chart", {
  ...{ title: "Training loss", hint: "each batch, and the running mean" },
  ...{ xLabel: "step", share: false },
});

/** One run as the page shows it: every report changes what there is to see. */
export class RunView {
  readonly settings: Settings;
  readonly #pace: Pace;
  readonly #steps: ReturnType<typeof workOf>;
  #data: Of<"data"> | null = null;
  /** What is known of each model: all test images where they were looked at, else the sample. */
  #found: Found = {};
  /** What the curves' images last said of each. */
  #samples: Partial<Record<Phase, Examination>> = {};
  #step: Of<"step"> | null = null;
  #epoch: Of<"epoch"> | null = null;
  /** Seconds left, as the last step says. */
  #left: number | null = null;
  #done = false;
  #live = false;
  #scheduled = false;

  /** Empties the page for a run of these settings, and shows what is known of it. */
  constructor(settings: Settings, reports: readonly RunReport[] = []) {
    this.settings = settings;
    this.#pace = new Pace(settings);
    this.#steps = workOf(settings);
    const { epochs, tuningEpochs } = settings;
    loss.clear(this.#steps.victim.steps + this.#steps.ft.steps, this.#steps.victim.steps);
    for (const each of [attack, clean, robust]) each.clear(epochs + tuningEpochs, epochs);
    find("pictures").replaceChildren("Shown when they are drawn.");
    find("pictures").classList.add("empty");
    find("caption").textContent = describe(settings);
    find("notes").replaceChildren();
    this.#showResults();
    for (const report of reports) this.receive(report);
    showProgress(this.#done ? 1 : this.#pace.share);
    this.#live = true;
  }

  /** Not finished, and with epochs to go on from. */
  get interrupted(): boolean {
    return !this.#done && this.#epoch !== null;
  }

  /** The last epoch that was looked at, in words. */
  get place(): string {
    if (!this.#epoch) return "before the first epoch";
    const { phase, epoch } = this.#epoch;
    return `after epoch ${epoch} of ${this.#epochs(phase)} (${activity[phase]})`;
  }

  receive(report: Report): void {
    if (report.kind === "device") {
      const { text, note } = report;
      find("device").textContent = `${text}. ${note ?? "Nothing leaves this machine."}`;
    } else if (report.kind === "note") find("notes").append(`${report.text} `);
    else if (report.kind === "data") {
      this.#data = report;
      showPictures(find("pictures"), report.pictures);
    } else if (report.kind === "step") this.#addStep(report);
    else if (report.kind === "epoch") this.#addEpoch(report);
    else if (report.kind === "result") this.#addResult(report);
    else if (report.kind === "done") {
      this.#done = true;
      showProgress(1);
    }
  }

  #addStep(report: Of<"step">): void {
    const { phase, step } = report;
    if (!this.#step) this.#tell(`${sentence(activity.victim)}, ${this.settings.epochs} epochs.`);
    this.#step = report;
    const before = phase === "victim" ? 0 : this.#steps.victim.steps;
    loss.add(phase, before + step, report.loss);
    this.#left = this.#pace.at(phase, step, this.#live ? performance.now() / 1000 : null);
    if (!this.#live || this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#showStep();
    });
  }

  #showStep(): void {
    if (!this.#step || document.body.dataset.state !== "running") return;
    const { phase, epoch, rate } = this.#step;
    const left = this.#left === null ? "" : ` · ${clock(this.#left)} left`;
    showStatus(
      `${sentence(activity[phase])}: epoch ${epoch + 1} of ${this.#epochs(phase)}`,
      `${rate.toFixed(0)} images a second${left}`,
    );
    showProgress(this.#pace.share);
  }

  #addEpoch(report: Of<"epoch">): void {
    const { phase, epoch, examination } = report;
    const { epochs } = this.settings;
    const { victim } = this.#samples;
    // A method's curves begin where the victim's end.
    if (phase !== "victim" && epoch === 1 && victim) addPoint(phase, epochs, victim);
    addPoint(phase, (phase === "victim" ? 0 : epochs) + epoch, examination);
    this.#epoch = report;
    this.#samples[phase] = examination;
    this.#found[phase] = { examination, whole: false };
    this.#showResults();
  }

  #addResult({ phase, examination, answers }: Of<"result">): void {
    this.#found[phase] = { examination, whole: true };
    this.#showResults();
    if (!this.#data) return;
    const { pictures, target, classes } = this.#data;
    showAnswers(find("pictures"), phase, answers, pictures, target);
    const verdict = verdictOn(this.#found, phase, classes.length);
    const next = phases[phases.indexOf(phase) + 1];
    this.#tell(`${verdict?.headline ?? ""}${next ? ` Next: ${activity[next]}.` : ""}`);
  }

  #showResults(): void {
    showResults(this.#found, this.#data?.classes.length ?? 0);
    const whole = Object.values(this.#found).find((found) => found.whole)?.examination ?? null;
    find("basis").textContent = basis(whole, this.#samples.victim ?? null);
  }

  #tell(stage: string): void {
    if (this.#live) tellStage(stage);
  }

  #epochs(phase: Phase): number {
    return phase === "victim" ? this.settings.epochs : this.settings.tuningEpochs;
  }
}

function addPoint(phase: Phase, x: number, { cleanAccuracy, cleanImages, backdoor }: Examination) {
  clean.add(phase, x, cleanAccuracy, wilson(cleanAccuracy, cleanImages));
  if (!backdoor) return;
  const { attackSuccess, robustAccuracy, triggeredImages } = backdoor;
  attack.add(phase, x, attackSuccess, wilson(attackSuccess, triggeredImages));
  robust.add(phase, x, robustAccuracy, wilson(robustAccuracy, triggeredImages));
}

function describe(settings: Settings): string {
  const { width, images, percent, epochs, tuningEpochs, batchSize, seed } = settings;
  return (
    `ResNet-18 of width ${width}, ${grouped(images)} images, ${percent}% poisoned, ` +
    `${epochs} + ${tuningEpochs} epochs, batches of ${batchSize}, seed ${seed}`
  );
}
