import { BrowserTableError } from "shiftgrad";
import { find } from "./dom.js";
import { SettingsForm } from "./form.js";
import { type KeptRun, keptRun, noteShown, shownRun } from "./keep.js";
import type { Report, Start, Stop } from "./protocol.js";
import { addressOf, readAddress, type Settings } from "./settings.js";
import { showStatus, tellStage } from "./status.js";
import { RunView } from "./view.js";

type State = "running" | "done" | "stopped" | "failed";

/** A worker that has not stopped by then is ended: what it has kept is whole. */
const patience = 500;

const controls = find("controls") as HTMLFormElement;
const form = new SettingsForm(controls, find("problems"), keepAddress);
let view: RunView | null = null;
let worker: Worker | null = null;

controls.addEventListener("submit", (event) => {
  event.preventDefault();
  begin("start");
});
find("measure").addEventListener("click", () => begin("measure"));
find("continue").addEventListener("click", () => void goOn());
find("stop").addEventListener("click", stop);

const { settings, start, complaints } = readAddress(location.search);
form.fill(settings, complaints);
if (start) begin("start");
else void restore();

function keepAddress(settings: Settings): void {
  history.replaceState(null, "", `?${addressOf(settings)}`);
}

function begin(kind: "start" | "measure"): void {
  const settings = form.submit();
  if (!settings) return;
  keepAddress(settings);
  if (kind === "start") {
    view = new RunView(settings);
    noteShown(addressOf(settings));
  }
  showStatus(kind === "start" ? "Starting…" : "Measuring…");
  launch({ kind, settings });
}

/** Goes on with the run that is shown, from what is kept of it. */
async function goOn(): Promise<void> {
  showStatus("Going on…");
  setState("running");
  const kept = view && (await found(addressOf(view.settings)));
  if (!kept) return fail("the run is not kept any more: start it again");
  const { settings, reports } = kept;
  form.fill(settings);
  keepAddress(settings);
  view = new RunView(settings, reports);
  tellStage(`Going on ${view.place}.`);
  launch({ kind: "continue", settings });
}

/** Shows the run that this tab showed before it was reloaded, or else one of the form's settings. */
async function restore(): Promise<void> {
  const kept = await found(shownRun() ?? addressOf(settings));
  if (!kept || worker) return;
  view = new RunView(kept.settings, kept.reports);
  const done = kept.reports.find((report) => report.kind === "done");
  showStatus(done ? doneIn(done.seconds) : `Interrupted ${view.place}.`);
  setState(done ? "done" : "stopped");
}

/** Null, too, where the browser keeps nothing. */
async function found(id: string): Promise<KeptRun | null> {
  try {
    return await keptRun(id);
  } catch (error) {
    if (error instanceof BrowserTableError) return null;
    throw error;
  }
}

function launch(message: Start): void {
  const started = new Worker("worker.js", { type: "module" });
  worker = started;
  setState("running");
  started.addEventListener("message", ({ data }: MessageEvent<Report>) => {
    if (worker === started) receive(data);
  });
  started.addEventListener("error", ({ message }) => {
    if (worker === started) fail(message || "the worker could not start");
  });
  started.postMessage(message);
}

function stop(): void {
  const stopping = worker;
  if (!stopping) return;
  const message: Stop = { kind: "stop" };
  stopping.postMessage(message);
  document.body.dataset.state = "stopping";
  showStatus("Stopping…");
  setTimeout(() => {
    if (worker === stopping) receive({ kind: "stopped" });
  }, patience);
}

function receive(report: Report): void {
  view?.receive(report);
  if (report.kind === "busy") showBusy(report.text, report.share);
  else if (report.kind === "done") finish("done", doneIn(report.seconds));
  else if (report.kind === "measured") {
    const { shapes, changed } = report;
    const faster = `${changed} have a faster variant than the preset`;
    finish("done", `Measured ${shapes} shapes of kernels; ${faster}.`);
  } else if (report.kind === "stopped") finish("stopped", "Stopped.");
  else if (report.kind === "failed") fail(report.message);
}

function showBusy(text: string, share?: number): void {
  if (document.body.dataset.state !== "running") return;
  showStatus(`${text}…`, share === undefined ? "" : `${Math.floor(100 * share)}%`);
}

const doneIn = (seconds: number): string => `Done in ${Math.round(seconds)} seconds.`;
const fail = (why: string): void => finish("failed", `It did not work: ${why}`);

function finish(state: State, text: string): void {
  worker?.terminate();
  worker = null;
  showStatus(text);
  tellStage(text);
  setState(state);
}

/** Shows the buttons and fields of a state; the focus goes to what takes the place of what had it. */
function setState(state: State): void {
  const focused = document.activeElement;
  const running = state === "running";
  const goesOn = !running && view?.interrupted === true;
  document.body.dataset.state = state;
  find("start").hidden = running;
  find("measure").hidden = running;
  find("stop").hidden = !running;
  find("continue").hidden = !goesOn;
  form.disabled = running;
  if (!focused?.matches("#controls :is([hidden], :disabled)")) return;
  find(running ? "stop" : goesOn ? "continue" : "start").focus({ preventScroll: true });
}
