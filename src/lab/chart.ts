import { html } from "./html.js";

export interface Series {
  readonly name: string;
  /** A class of the report's style sheet, which gives the colour. */
  readonly style: "accuracy" | "success" | "loss";
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** Values are shares, shown in per cent on an axis from 0 to 100. */
  readonly share?: boolean;
}

const width = 460;
const height = 250;
const margin = { left: 46, right: 14, top: 14, bottom: 40 };

/** A line chart as inline SVG; hovering a point shows its value. */
export function lineChart(options: ChartOptions): string {
  const series = options.series.filter((s) => s.points.length > 0);
  const points = series.flatMap((s) => s.points);
  if (points.length === 0) return "";
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = scale(xTicks(Math.min(...xs), Math.max(...xs)), margin.left, width - margin.right);
  const yTicks = options.share
    ? [0, 0.25, 0.5, 0.75, 1]
    : ticks(Math.min(0, ...ys), Math.max(...ys));
  const y = scale(yTicks, height - margin.bottom, margin.top);
  const label = (value: number): string =>
    options.share ? `${Math.round(100 * value)}%` : String(Number(value.toPrecision(6)));
  const exact = (value: number): string =>
    options.share ? `${(100 * value).toFixed(2)}%` : value.toPrecision(4);

  const grid = y.ticks.map(
    (t) =>
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${y.at(t)}" y2="${y.at(t)}"/>` +
      `<text class="tick" x="${margin.left - 7}" y="${y.at(t)}" dy="0.32em" text-anchor="end">${label(t)}</text>`,
  );
  const bottom = height - margin.bottom;
  const feet = x.ticks.map(
    (t) =>
      `<text class="tick" x="${x.at(t)}" y="${bottom + 16}" text-anchor="middle">${plain(t)}</text>`,
  );
  const lines = series.map((s) => {
    const path = s.points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${x.at(px)} ${y.at(py)}`);
    const dots = s.points.length > 40 ? [] : s.points;
    const marks = dots.map(
      ([px, py]) =>
        `<circle class="${s.style}" cx="${x.at(px)}" cy="${y.at(py)}" r="3">` +
        `<title>${html(`${s.name}, ${options.xLabel} ${plain(px)}: ${exact(py)}`)}</title></circle>`,
    );
    return `<path class="${s.style}" d="${path.join("")}"/>${marks.join("")}`;
  });
  const legend = series.map((s) => `<span class="key ${s.style}">${html(s.name)}</span>`);
  const description = `${options.title}: ${series.map((s) => s.name).join(", ")}`;
  return `<figure class="chart"><figcaption>${html(options.title)} ${legend.join(" ")}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(description)}">
${grid.join("")}${feet.join("")}
<text class="tick" x="${(margin.left + width - margin.right) / 2}" y="${height - 6}" text-anchor="middle">${html(options.xLabel)}</text>
${lines.join("\n")}
</svg></figure>`;
}

const plain = (value: number): string => String(Number(value.toPrecision(6)));

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Maps the span of the ticks onto from .. to. */
function scale(marks: readonly number[], from: number, to: number): Scale {
  const low = marks[0] ?? 0;
  const high = marks.at(-1) ?? 1;
  const span = high - low || 1;
  return {
    ticks: marks,
    at: (value) => Number((from + ((value - low) / span) * (to - from)).toFixed(2)),
  };
}

/** Round numbers that enclose low .. high. */
function ticks(low: number, high: number): number[] {
  const step = niceStep((high - low) / 4 || 1);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Whole numbers, the first and the last value among them. */
function xTicks(low: number, high: number): number[] {
  const step = Math.max(1, niceStep((high - low) / 8));
  const inner: number[] = [];
  for (let t = Math.ceil((low + step / 2) / step) * step; t < high - step / 2; t += step) {
    inner.push(t);
  }
  return low === high ? [low, low + 1] : [low, ...inner, high];
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999) ?? 10;
  return factor * power;
}
