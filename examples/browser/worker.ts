/** Runs off the page's thread what the page asks for, and keeps what it reports. */
import { BrowserTableError } from "shiftgrad";
import { measure, open } from "./devices.js";
import { experiment, type Past } from "./experiment.js";
import { type KeptState, keptRun, keptState, RunWriter, TakenOverError } from "./keep.js";
import type { Report, RunReport, Start, Stop } from "./protocol.js";
import { addressOf, type Settings } from "./settings.js";

const abort = new AbortController();
const post = (message: Report): void => self.postMessage(message);

self.addEventListener("message", async ({ data }: MessageEvent<Start | Stop>) => {
  if (data.kind === "stop") {
    abort.abort();
    return;
  }
  try {
    if (data.kind === "measure") await measure(data.settings, post, abort.signal);
    else await run(data.settings, data.kind === "continue");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    post(abort.signal.aborted ? { kind: "stopped" } : { kind: "failed", message });
  }
});

async function run(settings: Settings, again: boolean): Promise<void> {
  const past = again ? await pastOf(addressOf(settings)) : null;
  const keeper = await Keeper.open(settings, again);
  const device = await open(settings.device, keeper.report);
  const before = secondsOf(past?.reports ?? []);
  const began = performance.now();
  const seconds = () => before + (performance.now() - began) / 1000;
  try {
    const nothing = { reports: [], state: null, victim: null };
    const { report, keep } = keeper;
    const hooks = { report, keep, seconds, signal: abort.signal };
    await experiment(device, settings, past ?? nothing, hooks);
  } finally {
    await device.destroy();
  }
  await keeper.finish({ kind: "done", seconds: seconds() });
}

async function pastOf(id: string): Promise<Past> {
  const [run, state] = await Promise.all([keptRun(id), keptState(id)]);
  if (!run) throw new Error("the run is not kept any more: start it again");
  return { ...state, reports: run.reports };
}

const secondsOf = (reports: readonly RunReport[]): number =>
  reports.reduce((last, report) => (report.kind === "epoch" ? report.seconds : last), 0);

/** Tells the page what is reported, and keeps it piece by piece where the browser lets it. */
class Keeper {
  #writer: RunWriter | null;
  #reports: RunReport[] = [];

  private constructor(writer: RunWriter | null) {
    this.#writer = writer;
  }

  static async open(settings: Settings, again: boolean): Promise<Keeper> {
    try {
      return new Keeper(await RunWriter.open(settings, again));
    } catch (error) {
      post(unkept(error));
      return new Keeper(null);
    }
  }

  readonly report = (message: Report): void => {
    post(message);
    if (isPartOfRun(message)) this.#reports.push(message);
  };

  readonly keep = async (change: Partial<KeptState>): Promise<void> => {
    const reports = this.#reports;
    this.#reports = [];
    try {
      await this.#writer?.add(reports, change);
    } catch (error) {
      post(unkept(error));
      this.#writer = null;
    }
  };

  /** Keeps the last report before the page hears it, and ends this worker. */
  async finish(message: RunReport): Promise<void> {
    this.#reports.push(message);
    await this.keep({ victim: null, state: null });
    post(message);
  }
}

function isPartOfRun(message: Report): message is RunReport {
  return ["device", "data", "step", "epoch", "result", "note", "done"].includes(message.kind);
}

/** @throws the error when it is not one of keeping */
function unkept(error: unknown): Report {
  if (!(error instanceof BrowserTableError)) throw error;
  const why =
    error.cause instanceof TakenOverError
      ? "Another tab runs the same settings and keeps them"
      : "The browser keeps nothing for this page";
  return { kind: "note", text: `${why}, so a reload of this one would lose the run.` };
}
