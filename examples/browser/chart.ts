/** A line chart that grows while its data arrive: one SVG, redrawn once a frame at most. */

export interface Line {
  key: string;
  label: string;
  /** Also draw the running mean of the values, boldly, over the values themselves. */
  smooth?: boolean;
}

export interface ChartOptions {
  title: string;
  lines: Line[];
  /** Fixed range of the values; otherwise from 0 to what is needed. */
  range?: [number, number];
  format: (value: number) => string;
}

type Point = [x: number, y: number];

const height = 240;
const margin = { top: 12, right: 14, bottom: 26, left: 44 };

export class Chart {
  readonly #options: ChartOptions;
  readonly #points = new Map<string, Point[]>();
  readonly #svg: SVGSVGElement;
  readonly #legend = new Map<string, HTMLElement>();
  #marks: { x: number; label: string }[] = [];
  #end = 1;
  #scheduled = false;

  constructor(host: HTMLElement, options: ChartOptions) {
    this.#options = options;
    const caption = document.createElement("figcaption");
    caption.append(Object.assign(document.createElement("h3"), { textContent: options.title }));
    for (const { key, label } of options.lines) {
      const item = Object.assign(document.createElement("span"), { className: `legend ${key}` });
      const value = document.createElement("output");
      item.append(label, value);
      caption.append(item);
      this.#legend.set(key, value);
    }
    this.#svg = element("svg", { role: "img", "aria-label": options.title, height });
    host.replaceChildren(caption, this.#svg);
    new ResizeObserver(() => this.#schedule()).observe(host);
    this.clear(1);
  }

  /** Empties the chart and sets where its x axis ends. */
  clear(end: number): void {
    this.#end = end;
    this.#marks = [];
    for (const { key } of this.#options.lines) this.#points.set(key, []);
    this.#schedule();
  }

  add(key: string, x: number, y: number): void {
    this.#points.get(key)?.push([x, y]);
    this.#end = Math.max(this.#end, x);
    this.#schedule();
  }

  /** A vertical line with a label, where something begins. */
  mark(x: number, label: string): void {
    this.#marks.push({ x, label });
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
    const width = this.#svg.parentElement?.clientWidth ?? 600;
    const [low, high] = this.#options.range ?? [0, this.#ceiling()];
    const right = width - margin.right;
    const bottom = height - margin.bottom;
    const toX = (x: number) => margin.left + (x / this.#end) * (right - margin.left);
    const toY = (y: number) =>
      bottom - ((Math.min(y, high) - low) / (high - low)) * (bottom - margin.top);
    const parts: SVGElement[] = [];

    for (let i = 0; i <= 4; i++) {
      const value = low + ((high - low) * i) / 4;
      const y = toY(value);
      parts.push(element("line", { class: "grid", x1: margin.left, x2: right, y1: y, y2: y }));
      parts.push(
        text(this.#options.format(value), { class: "tick y", x: margin.left - 8, y: y + 4 }),
      );
    }
    const step = niceStep(this.#end / Math.max(2, Math.floor((right - margin.left) / 90)));
    for (let x = 0; x <= this.#end; x += step) {
      parts.push(
        text(String(Number(x.toPrecision(6))), { class: "tick x", x: toX(x), y: height - 8 }),
      );
    }
    for (const { x, label } of this.#marks) {
      const at = toX(x);
      parts.push(
        element("line", { class: "mark", x1: at, x2: at, y1: margin.top, y2: bottom }),
        // Left of its line where there is no room to the right of it.
        at + 80 < right
          ? text(label, { class: "mark", x: at + 5, y: margin.top + 11 })
          : text(label, { class: "mark before", x: at - 5, y: margin.top + 11 }),
      );
    }
    for (const line of this.#options.lines) {
      const points = this.#points.get(line.key) ?? [];
      const drawn = (list: Point[], kind: string) =>
        element("path", {
          class: `line ${kind} ${line.key}`,
          d: list.map(([x, y], i) => `${i ? "L" : "M"}${px(toX(x))} ${px(toY(y))}`).join(""),
          "data-points": list.length,
        });
      if (line.smooth) parts.push(drawn(points, "raw"), drawn(this.#smoothed(points), "mean"));
      else {
        parts.push(drawn(points, "mean"));
        for (const [x, y] of points) {
          parts.push(element("circle", { class: line.key, cx: toX(x), cy: toY(y), r: 3 }));
        }
      }
      const last = (line.smooth ? this.#smoothed(points) : points).at(-1);
      const value = this.#legend.get(line.key);
      if (value) value.textContent = last ? this.#options.format(last[1]) : "";
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren(...parts);
  }

  /** Exponential running mean, corrected for its start; it starts anew at every mark. */
  #smoothed(points: Point[]): Point[] {
    const keep = 0.9;
    let mean = 0;
    let weight = 0;
    let before = 0;
    return points.map(([x, y]) => {
      if (this.#marks.some((mark) => before <= mark.x && mark.x < x)) mean = weight = 0;
      before = x;
      mean = keep * mean + (1 - keep) * y;
      weight = keep * weight + (1 - keep);
      return [x, mean / weight];
    });
  }

  /** A round number above the means, so that one wild step does not flatten the curve. */
  #ceiling(): number {
    let most = 0;
    for (const { key, smooth } of this.#options.lines) {
      const points = this.#points.get(key) ?? [];
      for (const [, y] of smooth ? this.#smoothed(points) : points) most = Math.max(most, y);
    }
    const step = niceStep((most || 1) / 4);
    return step * Math.ceil(((most || 1) * 1.1) / step / 4) * 4;
  }
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((n) => n * power >= least) ?? 10) * power;
}

const px = (value: number) => value.toFixed(1);

function element<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, typeof value === "number" ? String(Math.round(value * 10) / 10) : value);
  }
  return made;
}

function text(content: string, attributes: Record<string, string | number>): SVGTextElement {
  const made = element("text", attributes);
  made.textContent = content;
  return made;
}
