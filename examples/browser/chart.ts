/** A line chart of the three models that grows while its data arrive, redrawn once a frame at most. */
import { drawPlot, type Plot, type Series, shortPercent } from "shiftgrad";
import { Curve } from "./curve.js";
import { type Phase, phases } from "./protocol.js";

/** What each model is called in the charts, and how its line differs from the others'. */
const lines: Readonly<Record<Phase, Pick<Series, "name" | "marker" | "dash">>> = {
  victim: { name: "victim", marker: "circle" },
  ft: { name: "FT", marker: "square", dash: "8 4" },
  fst: { name: "FST", marker: "diamond" },
};

export interface ChartOptions {
  readonly title: string;
  /** Which direction is good, or what is drawn. */
  readonly hint: string;
  readonly xLabel: string;
  /** Values are shares; otherwise many noisy values, drawn with their running mean. */
  readonly share: boolean;
}

interface Lines {
  readonly curve: Curve;
  readonly band: (readonly [x: number, low: number, high: number])[];
}

const height = 230;

export class Chart {
  readonly #options: ChartOptions;
  readonly #svg: SVGSVGElement;
  #lines = new Map<Phase, Lines>();
  #end = 1;
  #tuningFrom: number | null = null;
  #scheduled = false;

  constructor(host: HTMLElement, options: ChartOptions) {
    this.#options = options;
    const caption = document.createElement("figcaption");
    const title = Object.assign(document.createElement("h3"), { textContent: options.title });
    caption.append(title, Object.assign(new Text(), { data: options.hint }));
    this.#svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.#svg.setAttribute("role", "img");
    this.#svg.setAttribute("height", String(height));
    host.replaceChildren(caption, this.#svg);
    new ResizeObserver(() => this.#schedule()).observe(host);
    this.clear(1, null);
  }

  /** Empties the chart; the x axis ends at `end`, and the methods begin at `tuningFrom`. */
  clear(end: number, tuningFrom: number | null): void {
    this.#end = end;
    this.#tuningFrom = tuningFrom;
    const keep = this.#options.share ? { keep: 0 } : {};
    this.#lines = new Map(phases.map((phase) => [phase, { curve: new Curve(keep), band: [] }]));
    this.#schedule();
  }

  /** @param interval where the true value lies, with some confidence */
  add(phase: Phase, x: number, y: number, interval?: readonly [low: number, high: number]): void {
    const found = this.#lines.get(phase);
    found?.curve.add(x, y);
    if (interval) found?.band.push([x, ...interval]);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { title, xLabel, share } = this.#options;
    const width = this.#svg.parentElement?.clientWidth || 600;
    const most = Math.max(...[...this.#lines.values()].map(({ curve }) => curve.most));
    const series = [...this.#lines].flatMap(([phase, { curve, band }]): Series[] => {
      if (curve.count === 0) return [];
      const values = share ? {} : { values: curve.points };
      return [{ ...lines[phase], style: phase, points: curve.means, band, ...values }];
    });
    const plot: Plot = {
      ...{ series, xLabel, share, width, height, xRange: [0, this.#end] },
      // One wild step must not flatten the curve.
      ...(!share && most > 0 && { top: 1.1 * most }),
      ...(this.#tuningFrom !== null && {
        starts: [{ x: this.#tuningFrom, label: "tuning" }],
      }),
    };
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.setAttribute("aria-label", [title, ...this.#lastValues()].join(", "));
    this.#svg.innerHTML = drawPlot(plot);
  }

  #lastValues(): string[] {
    return [...this.#lines].flatMap(([phase, { curve }]) => {
      const last = curve.means.at(-1)?.[1];
      if (last === undefined) return [];
      const value = this.#options.share ? shortPercent(last) : last.toPrecision(2);
      return [`${lines[phase].name} ${value}`];
    });
  }
}
