import type { WriteStream } from "node:tty";
import { percent } from "../lab/report.js";
import type { RunHooks } from "../lab/sitting.js";

const redrawMs = 100;
const plainMs = 5000;
const barWidth = 24;
/** What of a stage must have been timed before the rest of it is estimated. */
const leastShare = 0.02;

/**
 * Tells on stderr what goes on: a bar that is redrawn on a terminal, a plain line every few seconds
 * elsewhere.
 */
export class Progress {
  readonly #stream: WriteStream;
  readonly #live: boolean;
  #stage = "";
  #drawn = false;
  #last = 0;
  #began = performance.now();
  /** The first update of the stage. */
  #first: { readonly done: number; readonly at: number } | undefined;

  constructor(stream: WriteStream, quiet = false) {
    this.#stream = stream;
    this.#live = stream.isTTY === true && !quiet;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  stage(name: string): void {
    this.#stage = name;
    this.#began = performance.now();
    this.#last = 0;
    this.#first = undefined;
    if (this.#live) this.#draw(name);
    else this.line(`${name} ...`);
  }

  /** @param detail more to say, such as the loss */
  update(done: number, all: number, detail = ""): void {
    const now = performance.now();
    this.#first ??= { done, at: now };
    if (now - (this.#last || this.#began) < (this.#live ? redrawMs : plainMs)) return;
    // Nobody reads: what has not been read is kept in memory.
    if (this.#stream.writableNeedDrain) return;
    this.#last = now;
    const share = all > 0 ? Math.min(1, done / all) : 0;
    const left = this.#left(done, all, now);
    const text = [
      ...(all > 0 ? [`${String(Math.floor(100 * share)).padStart(3)}%`] : []),
      ...(detail ? [detail] : []),
      ...(left !== null ? [`ETA ${duration(left)}`] : []),
    ].join("  ");
    if (this.#live) this.#draw(`${this.#stage} ${bar(share)} ${text}`);
    else this.line(`${this.#stage}: ${text.trim()}`);
  }

  /** Takes the bar away. */
  end(): void {
    this.#clear();
  }

  /** Seconds left at the pace since the first update: what came before it, such as compiling, is over. */
  #left(done: number, all: number, now: number): number | null {
    if (!this.#first) return null;
    const timed = done - this.#first.done;
    if (timed <= 0 || timed < leastShare * all) return null;
    return ((now - this.#first.at) / 1000) * ((all - done) / timed);
  }

  #draw(text: string): void {
    const columns = this.#stream.columns || 100;
    this.#stream.write(`\r\x1b[K${text.slice(0, columns - 1)}`);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) this.#stream.write("\r\x1b[K");
    this.#drawn = false;
  }
}

const bar = (share: number): string => {
  const full = Math.round(share * barWidth);
  return "█".repeat(full) + "░".repeat(barWidth - full);
};

/** "0:07", "12:30", "1:02:03". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Shows what a run tells. */
export function progressHooks(progress: Progress): RunHooks {
  let first = 0;
  let lastImages = 0;
  let lastSeconds = 0;
  let rate = 0;
  let current = "";
  return {
    onStage(stage) {
      current = stage;
      first = 0;
      lastImages = 0;
      lastSeconds = 0;
      rate = 0;
      progress.stage(stage);
    },
    onCompile(done, all) {
      if (done === 0) progress.stage("compiling kernels");
      progress.update(done, all, `${done}/${all} kernels`);
      if (done === all) progress.stage(current);
    },
    onStep({ epoch, epochs, step, steps, images, seconds, loss }) {
      first ||= step;
      const now = (images - lastImages) / (seconds - lastSeconds);
      lastImages = images;
      lastSeconds = seconds;
      if (Number.isFinite(now)) rate = rate === 0 ? now : 0.9 * rate + 0.1 * now;
      progress.update(
        step - first + 1,
        steps - first + 1,
        `epoch ${epoch + 1}/${epochs}  loss ${loss.toFixed(3)}  ${Math.round(rate)} images/s`,
      );
    },
    onEpoch({ epoch, loss, cleanAccuracy, attackSuccess }, epochs) {
      const found = [
        cleanAccuracy === undefined ? "" : `  C-ACC ${percent(cleanAccuracy)}`,
        attackSuccess === undefined ? "" : `  ASR ${percent(attackSuccess)}`,
      ];
      progress.line(`  epoch ${epoch + 1}/${epochs}  loss ${loss.toFixed(4)}${found.join("")}`);
    },
    onExamined: (done, all) => progress.update(done, all, `${done}/${all} images`),
    onNote: (line) => progress.line(line),
    onResume: (epoch) => progress.line(`going on after epoch ${epoch}, which is done`),
  };
}
