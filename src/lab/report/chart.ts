import { shortPercent } from "../records/percent.js";
import { type Axis, axis, roundTicks, spread, wholeTicks } from "./axis.js";
import { html } from "./html.js";

export type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  /** A class of the page's style sheet, which gives the colour. */
  readonly style: string;
  readonly points: readonly Point[];
  /** Dashes of the line, as `stroke-dasharray` takes them, for eyes and printers without colour. */
  readonly dash?: string;
  /** The shape of its points' marks; a circle unless told otherwise. */
  readonly marker?: Marker;
  /** Single values, where the points are their running mean: drawn faintly, below. */
  readonly values?: readonly Point[];
  /** Where the truth lies with some confidence: drawn as an area, below. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[];
}

export interface Plot {
  readonly series: readonly Series[];
  readonly xLabel: string;
  /** Values are shares, shown in per cent on an axis from 0 to 100. */
  readonly share?: boolean;
  /** First and last value of the x axis, where they are not those of the points. */
  readonly xRange?: readonly [number, number];
  /** The y axis ends about here, and what is higher is drawn at its edge. */
  readonly top?: number;
  /** Vertical lines where something begins. */
  readonly starts?: readonly { readonly x: number; readonly label: string }[];
  readonly width: number;
  readonly height: number;
}

export interface ChartOptions extends Omit<Plot, "height" | "width"> {
  readonly title: string;
}

/** On the right there is room for the labels at the lines' ends. */
const margin = { left: 46, right: 74, top: 14, bottom: 40 };
const lineHeight = 14;
/** What a label needs on the right of where something starts. */
const labelRoom = 60;
/** A line of more points has no mark at each. */
const mostMarks = 40;

const markers = {
  circle: (x: number, y: number) => `<circle cx="${x}" cy="${y}" r="3"`,
  square: (x: number, y: number) => `<rect x="${x - 3}" y="${y - 3}" width="6" height="6"`,
  diamond: (x: number, y: number) => `<path d="M${x} ${y - 4.5}l4 4.5l-4 4.5l-4 -4.5Z"`,
};

export type Marker = keyof typeof markers;

/** A line chart as inline SVG in a figure; hovering a point shows its value. */
export function lineChart({ title, ...plot }: ChartOptions): string {
  const series = plot.series.filter((s) => s.points.length > 0);
  if (series.length === 0) return "";
  const [width, height] = [460, 250];
  const description = `${title}: ${series.map((s) => s.name).join(", ")}`;
  return `<figure class="chart"><figcaption>${html(title)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(description)}">
${drawPlot({ ...plot, series, width, height })}
</svg></figure>`;
}

/** What stands inside the SVG element of a chart `width` by `height` pixels large. */
export function drawPlot(plot: Plot): string {
  const { series, height } = plot;
  const { x, y } = axes(plot);
  const right = x.at(x.ticks.at(-1) ?? 0);
  const bottom = height - margin.bottom;
  const grid = y.ticks.map(
    (t) =>
      `<line class="grid" x1="${margin.left}" x2="${right}" y1="${y.at(t)}" y2="${y.at(t)}"/>` +
      `<text class="tick" x="${margin.left - 7}" y="${y.at(t)}" dy="0.32em" text-anchor="end">${coarse(plot, t)}</text>`,
  );
  const feet = x.ticks.map(
    (t) =>
      `<text class="tick" x="${x.at(t)}" y="${bottom + 16}" text-anchor="middle">${plain(t)}</text>`,
  );
  const starts = (plot.starts ?? []).map(({ x: at, label }) => {
    const place = x.at(at);
    const anchor = place + labelRoom < right ? "start" : "end";
    return (
      `<line class="start" x1="${place}" x2="${place}" y1="${margin.top - 12}" y2="${bottom}"/>` +
      `<text class="tick" x="${anchor === "start" ? place + 5 : place - 5}" y="${margin.top - 5}" ` +
      `text-anchor="${anchor}">${html(label)}</text>`
    );
  });
  const middle = (margin.left + right) / 2;
  return [
    grid.join("") + feet.join("") + starts.join(""),
    `<text class="tick" x="${middle}" y="${height - 6}" text-anchor="middle">${html(plot.xLabel)}</text>`,
    ...series.map((s) => below(s, x, y)),
    ...series.map((s) => line(plot, s, x, y)),
    ...endLabels(plot, x, y),
  ].join("\n");
}

function axes(plot: Plot): { x: Axis; y: Axis } {
  const { series, width, height, share } = plot;
  const points = series.flatMap((s) => s.points);
  const [low, high] = plot.xRange ?? extent(points.map(([px]) => px));
  const [least, most] = extent([0, ...points.map(([, py]) => py)]);
  const right = width - margin.right;
  const ticks = Math.min(8, Math.floor((right - margin.left) / 40));
  const yTicks = share ? [0, 0.25, 0.5, 0.75, 1] : roundTicks(least, plot.top ?? most);
  const y = axis(yTicks, height - margin.bottom, margin.top);
  const ceiling = yTicks.at(-1) ?? 1;
  return {
    x: axis(wholeTicks(low, high, ticks), margin.left, right),
    y: { ticks: yTicks, at: (value) => y.at(Math.min(value, ceiling)) },
  };
}

/** Least and greatest; 0 and 1 of nothing. */
function extent(values: readonly number[]): readonly [number, number] {
  const lowest = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return values.length === 0 ? [0, 1] : [lowest, highest];
}

const through = (points: readonly Point[], x: Axis, y: Axis): string =>
  points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${x.at(px)} ${y.at(py)}`).join("");

/** What lies below the line itself. */
function below({ style, values = [], band = [] }: Series, x: Axis, y: Axis): string {
  const upper = band.map(([px, , high]) => [px, high] as const);
  const lower = band.map(([px, low]) => [px, low] as const).reverse();
  const area = band.length > 1 ? `${through([...upper, ...lower], x, y)}Z` : "";
  return (
    (area && `<path class="band ${style}" d="${area}"/>`) +
    (values.length > 0 ? `<path class="values ${style}" d="${through(values, x, y)}"/>` : "")
  );
}

function line(plot: Plot, series: Series, x: Axis, y: Axis): string {
  const { name, style, points, dash, marker = "circle" } = series;
  const marks = (points.length > mostMarks ? [] : points).map(
    ([px, py]) =>
      `${markers[marker](x.at(px), y.at(py))} class="mark ${style}">` +
      `<title>${html(`${name}, ${plot.xLabel} ${plain(px)}: ${exact(plot, py)}`)}</title></${element(marker)}>`,
  );
  const dashes = dash ? ` stroke-dasharray="${dash}"` : "";
  return `<path class="line ${style}"${dashes} d="${through(points, x, y)}"/>${marks.join("")}`;
}

const element = (marker: Marker): string =>
  ({ circle: "circle", square: "rect", diamond: "path" })[marker];

/** At the right of the lines that reach farthest, one below the other; above the end of the others. */
function endLabels(plot: Plot, x: Axis, y: Axis): string[] {
  const ends = plot.series.flatMap((s) => {
    const end = s.points.at(-1);
    return end
      ? [{ s, x: x.at(end[0]), y: y.at(end[1]), text: `${s.name} ${short(plot, end[1])}` }]
      : [];
  });
  const farthest = Math.max(...ends.map((end) => end.x));
  const last = ends.filter((end) => end.x === farthest);
  const floor = plot.height - margin.bottom;
  const places = spread(
    last.map((end) => end.y),
    lineHeight,
    margin.top,
    floor,
  );
  const label = (style: string, at: string, text: string): string =>
    `<text class="end ${style}" ${at} dy="0.32em">${html(text)}</text>`;
  return ends.map((end) => {
    const place = places[last.indexOf(end)];
    if (place !== undefined) return label(end.s.style, `x="${end.x + 8}" y="${place}"`, end.text);
    const above = end.y - margin.top > lineHeight ? end.y - 11 : end.y + 12;
    return label(end.s.style, `x="${end.x - 5}" y="${above}" text-anchor="end"`, end.text);
  });
}

const plain = (value: number): string => String(Number(value.toPrecision(6)));

const coarse = ({ share }: Plot, value: number): string =>
  share ? `${Math.round(100 * value)}%` : plain(value);

const short = ({ share }: Plot, value: number): string =>
  share ? shortPercent(value) : value.toPrecision(2);

const exact = ({ share }: Plot, value: number): string =>
  share ? `${(100 * value).toFixed(2)}%` : value.toPrecision(4);
