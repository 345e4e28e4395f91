import { Chart } from "./chart.js";
import { showAnswers, showPictures } from "./pictures.js";
import type { Phase, Picture, Report, Start } from "./protocol.js";
import { fillForm, onSubmit, readForm, startsAtOnce } from "./settings.js";

type Step = Extract<Report, { kind: "step" }>;
type Rates = Extract<Report, { kind: "rates" }>;

const find = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
};
const percent = (share: number): string =>
  `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)}%`;

const loss = new Chart(find("loss"), {
  title: "Training loss, by step",
  lines: [{ key: "loss", label: "loss", smooth: true }],
  format: (value) => value.toFixed(2),
});
const rates = new Chart(find("rates"), {
  title: "What the examiner sees, by epoch",
  lines: [
    { key: "clean", label: "clean accuracy" },
    { key: "attack", label: "attack success" },
  ],
  range: [0, 1],
  format: percent,
});
const titles: Record<Phase, string> = { victim: "Training the victim", fst: "Purifying with FST" };

/** One run from Start to its end: what the charts and the table need to place the next report. */
interface Run {
  readonly worker: Worker;
  readonly config: Start["config"];
  phase: Phase | null;
  /** Where the current phase begins on the charts' x axes. */
  stepsBefore: number;
  epochsBefore: number;
  last: Partial<Record<Phase, Rates>>;
  pictures: readonly Picture[];
  target: string;
}

let run: Run | null = null;

fillForm();
onSubmit(() => start("start"));
find("tune").addEventListener("click", () => start("tune"));
find("stop").addEventListener("click", () => {
  run?.worker.postMessage({ kind: "stop" });
  find("doing").textContent = "Stopping…";
});
if (startsAtOnce()) start("start");

function start(kind: Start["kind"]): void {
  const config = readForm();
  const worker = new Worker("worker.js", { type: "module" });
  const empty = {
    phase: null,
    stepsBefore: 0,
    epochsBefore: 0,
    last: {},
    pictures: [],
    target: "",
  };
  const started: Run = { worker, config, ...empty };
  run = started;
  if (kind === "start") clear(config);
  setState("running");
  worker.addEventListener("message", ({ data }: MessageEvent<Report>) => receive(started, data));
  worker.addEventListener("error", ({ message }) => {
    receive(started, { kind: "failed", message: message || "the worker could not start" });
  });
  const message: Start = { kind, config };
  worker.postMessage(message);
}

function clear(config: Start["config"]): void {
  loss.clear(1);
  rates.clear(config.epochs + config.tuningEpochs);
  for (const phase of ["victim", "fst"]) {
    for (const rate of ["clean", "attack"]) find(`${phase}-${rate}`).textContent = "–";
  }
  find("verdict").textContent = "";
}

function receive(current: Run, message: Report): void {
  switch (message.kind) {
    case "device":
      find("device").textContent =
        `${message.text}. ${message.note ?? "Nothing leaves this machine."}`;
      break;
    case "busy":
      find("doing").textContent = `${message.text}…`;
      break;
    case "pictures":
      current.pictures = message.pictures;
      current.target = message.target;
      showPictures(find("pictures"), message.pictures);
      break;
    case "step":
      showStep(current, message);
      break;
    case "rates":
      showRates(current, message);
      break;
    case "answers":
      showAnswers(
        find("pictures"),
        ...([message.phase, message.classes, current.pictures, current.target] as const),
      );
      break;
    case "done":
      finish(current, "done", `Done in ${Math.round(message.seconds)} seconds.`);
      find("verdict").textContent = verdict(current);
      break;
    case "tuned":
      finish(
        current,
        "done",
        `Tuned ${message.shapes} shapes; ${message.changed} have a faster variant than the preset.`,
      );
      break;
    case "stopped":
      finish(current, "stopped", "Stopped.");
      break;
    case "failed":
      finish(current, "failed", `It did not work: ${message.message}`);
      break;
  }
}

function showStep(current: Run, message: Step): void {
  const { phase, step, steps, epoch, epochs, rate } = message;
  if (phase !== current.phase) {
    current.phase = phase;
    if (phase === "victim") loss.clear(steps);
    else {
      loss.mark(current.stepsBefore, "FST starts");
      rates.mark(current.config.epochs, "FST starts");
      current.epochsBefore = current.config.epochs;
    }
  }
  const offset = phase === "fst" ? current.stepsBefore : 0;
  if (phase === "victim") current.stepsBefore = steps;
  loss.add("loss", offset + step, message.loss);
  const progress = find("progress");
  progress.setAttribute("max", String(steps));
  progress.setAttribute("value", String(step));
  find("doing").textContent = `${titles[phase]}: epoch ${epoch + 1} of ${epochs}`;
  const left = Math.ceil(((steps - step) * current.config.batchSize) / rate);
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  find("speed").textContent = `· ${rate.toFixed(0)} images a second · ${clock} left`;
}

function showRates(current: Run, message: Rates): void {
  const { phase, epoch, cleanAccuracy, attackSuccess } = message;
  current.last[phase] = message;
  rates.add("clean", current.epochsBefore + epoch, cleanAccuracy);
  rates.add("attack", current.epochsBefore + epoch, attackSuccess);
  find(`${phase}-clean`).textContent = percent(cleanAccuracy);
  find(`${phase}-attack`).textContent = percent(attackSuccess);
}

function finish(current: Run, state: "done" | "stopped" | "failed", text: string): void {
  current.worker.terminate();
  run = null;
  find("doing").textContent = text;
  find("speed").textContent = "";
  setState(state);
}

function setState(state: "running" | "done" | "stopped" | "failed"): void {
  document.body.dataset.state = state;
  const running = state === "running";
  find("start").hidden = running;
  find("tune").hidden = running;
  find("stop").hidden = !running;
  for (const field of document.querySelectorAll("#controls input, #controls select")) {
    field.toggleAttribute("disabled", running);
  }
}

/** One sentence on the outcome. */
function verdict({ last: { victim, fst } }: Run): string {
  if (!victim || !fst) return "";
  if (victim.attackSuccess < 0.5) {
    return "The victim did not learn the backdoor: give it more epochs, images or poison.";
  }
  const change = (key: "cleanAccuracy" | "attackSuccess"): string =>
    `from ${percent(victim[key])} to ${percent(fst[key])}`;
  return (
    `FST took the attack’s success ${change("attackSuccess")}, ` +
    `and clean accuracy ${change("cleanAccuracy")}.`
  );
}
