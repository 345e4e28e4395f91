import { wilson } from "../examination/interval.js";
import {
  difference,
  differenceGain,
  pictureUrl,
  type TriggerPicture,
} from "../examination/pictures.js";
import type { Verdict } from "../examination/verdict.js";
import type { Examination } from "../records/metrics.js";
import type { MetricLine } from "../records/metrics-log.js";
import type { RunRecord } from "../records/record.js";
import { shellCommand } from "../records/shell-command.js";
import { type ChartOptions, lineChart } from "./chart.js";
import { html } from "./html.js";
import { reportStyle } from "./report-style.js";

/** A row of the result table; changes are shown against the first row. */
export interface ResultRow {
  readonly name: string;
  readonly examination: Examination;
  readonly defenseEffectiveness?: number | null;
  readonly seconds?: number;
}

export interface Curves {
  /** What was trained: "Victim", "FST". */
  readonly title: string;
  readonly lines: readonly MetricLine[];
  /** The model that tuning started from, drawn as epoch 0. */
  readonly before?: Examination;
  /** How many images the curves look at, where that is not all of them. */
  readonly sample?: { readonly clean: number; readonly triggered: number };
}

export interface ReportContent {
  readonly title: string;
  /** What was done and what came of it, one paragraph each. */
  readonly lead: readonly string[];
  /** What each model is worth. */
  readonly verdicts: readonly { readonly of: string; readonly verdict: Verdict }[];
  readonly rows: readonly ResultRow[];
  readonly curves: readonly Curves[];
  readonly pictures: readonly TriggerPicture[];
  readonly record: RunRecord;
}

/** The report as one HTML file that loads nothing from elsewhere. */
export function renderReport(content: ReportContent): string {
  const { record } = content;
  const sections = [
    section("Result", verdicts(content.verdicts) + resultTable(content.rows)),
    section("The trigger", pictureRow(content.pictures)),
    ...content.curves.map((c) => section(c.title, charts(c))),
    section("Repeat this run", repeat(record)),
    section("The record", facts(record)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(content.title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<h1>${html(content.title)}</h1>
${content.lead.map((p) => `<p>${html(p)}</p>`).join("\n")}
${sections.join("\n")}
</body>
</html>
`;
}

const section = (title: string, body: string): string =>
  body === "" ? "" : `<section><h2>${html(title)}</h2>\n${body}\n</section>`;

export const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;

function verdicts(all: ReportContent["verdicts"]): string {
  const blocks = all.map(({ of, verdict: { tone, headline, cautions } }) => {
    const small = cautions.map((caution) => `<p>${html(caution)}</p>`).join("");
    return `<div class="verdict ${tone}"><p><b>${html(of)}</b> ${html(headline)}</p>${small}</div>`;
  });
  return blocks.join("\n");
}

/** The 95% interval of a share that was counted. */
function interval(share: number, count: number): string {
  const [low, high] = wilson(share, count).map((bound) => (100 * bound).toFixed(1));
  return `<span class="interval">${low}–${high}</span>`;
}

function resultTable(rows: readonly ResultRow[]): string {
  const first = rows[0];
  if (!first) return "";
  const attacked = rows.some((row) => row.examination.backdoor);
  const rated = rows.some((row) => typeof row.defenseEffectiveness === "number");
  const timed = rows.some((row) => row.seconds !== undefined);
  const head = [
    "Model",
    "C-ACC",
    ...(attacked ? ["ASR", "RA"] : []),
    ...(rated ? ["DER"] : []),
    ...(timed ? ["Time"] : []),
  ];
  const body = rows.map((row) => {
    const { examination, defenseEffectiveness: der, seconds } = row;
    const before = row === first ? null : first.examination;
    const cells = [
      html(row.name),
      percent(examination.cleanAccuracy) +
        change(examination.cleanAccuracy, before?.cleanAccuracy) +
        interval(examination.cleanAccuracy, examination.cleanImages),
    ];
    if (attacked) {
      const found = examination.backdoor;
      const count = found?.triggeredImages ?? 0;
      cells.push(
        found
          ? percent(found.attackSuccess) +
              change(found.attackSuccess, before?.backdoor?.attackSuccess) +
              interval(found.attackSuccess, count)
          : "",
        found ? percent(found.robustAccuracy) + interval(found.robustAccuracy, count) : "",
      );
    }
    if (rated) cells.push(typeof der === "number" ? der.toFixed(3) : "");
    if (timed) cells.push(seconds === undefined ? "" : `${seconds.toFixed(1)} s`);
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  const { cleanImages, backdoor } = first.examination;
  const counts = backdoor
    ? ` ASR and RA: ${backdoor.triggeredImages} triggered test images of the other classes.`
    : "";
  return `<div class="scroll"><table class="result">
<thead><tr>${head.map((h) => `<th>${h}</th>`).join("")}</tr></thead>
<tbody>${body.join("\n")}</tbody></table></div>
<p class="soft">C-ACC: accuracy on ${cleanImages} clean test images.${counts}${
    attacked ? " ASR: given the target class. RA: given their own class." : ""
  } Small: 95% confidence intervals.${rated ? " DER: 0.5 for a defense that changes nothing, 1 for a perfect one." : ""}</p>`;
}

function change(value: number, before: number | undefined): string {
  if (before === undefined) return "";
  const points = 100 * (value - before);
  const sign = points < 0 ? "−" : "+";
  return `<span class="change">${sign}${Math.abs(points).toFixed(2)}</span>`;
}

function pictureRow(pictures: readonly TriggerPicture[]): string {
  if (pictures.length === 0) return "";
  const gain = Math.min(...pictures.map(differenceGain));
  const figures = pictures.map((p) => {
    const image = (pixels: Uint8Array, alt: string): string =>
      `<img src="${pictureUrl(pixels, p)}" alt="${html(`${p.label}, ${alt}`)}" title="${alt}">`;
    const changed = image(difference(p, gain), "difference");
    return `<figure><div>${image(p.clean, "clean")}${image(p.triggered, "triggered")}${changed}</div>
<figcaption>${html(p.label)}</figcaption></figure>`;
  });
  return `<p class="soft">Each image clean, triggered, and the difference (times ${gain}; grey is no change).</p>
<div class="pictures">${figures.join("\n")}</div>`;
}

function charts({ lines, before, sample }: Curves): string {
  const epochs = lines.filter((line) => line.type === "epoch");
  const steps = lines.filter((line) => line.type === "step");
  type Points = (readonly [number, number])[];
  const accuracy: Points = before ? [[0, before.cleanAccuracy]] : [];
  const success: Points = before?.backdoor ? [[0, before.backdoor.attackSuccess]] : [];
  for (const { epoch, cleanAccuracy, attackSuccess } of epochs) {
    if (cleanAccuracy !== undefined) accuracy.push([epoch + 1, cleanAccuracy]);
    if (attackSuccess !== undefined) success.push([epoch + 1, attackSuccess]);
  }
  const shares: ChartOptions = {
    title: sample
      ? `On a sample of the test images: ${sample.clean} clean, ${sample.triggered} triggered`
      : "On test images",
    xLabel: "epoch",
    share: true,
    series: [
      { name: "C-ACC", style: "accuracy", points: accuracy },
      { name: "ASR", style: "success", points: success, dash: "6 3", marker: "square" },
    ],
  };
  const loss: ChartOptions = {
    title: "Cross-entropy on training batches",
    xLabel: "step",
    series: [{ name: "loss", style: "loss", points: steps.map((s) => [s.step, s.loss] as const) }],
  };
  const drawn = [lineChart(shares), lineChart(loss)].filter((chart) => chart !== "");
  return drawn.length === 0 ? "" : `<div class="charts">${drawn.join("\n")}</div>`;
}

function repeat({ command, variants }: RunRecord): string {
  if (command.length === 0) return "";
  const count = Object.keys(variants).length;
  const tuned = `<p class="soft">${count} of its kernels ran variants that are not presets: add
<code>--variants</code> with this run's directory to run them again.</p>`;
  return `<pre>${html(shellCommand(command))}</pre>${count > 0 ? tuned : ""}`;
}

function variantRows({ variants }: RunRecord): [string, string][] {
  const lines = Object.entries(variants).map(([shapeClass, name]) =>
    html(`${shapeClass}: ${name}`),
  );
  return lines.length === 0 ? [] : [["Kernels that are not presets", lines.join("<br>")]];
}

function facts(record: RunRecord): string {
  const { device, software, data, lineage } = record;
  const rows: [string, string][] = [
    ["Started", html(record.started)],
    ["Duration", `${record.seconds.toFixed(1)} s`],
    [
      "Device",
      html(
        `${device.kind}: ${device.name}, ${device.threads} thread(s)` +
          `${device.software ? ", software adapter" : ""}; ${device.features.join(", ")}`,
      ),
    ],
    ...variantRows(record),
    [
      "Software",
      html(
        Object.entries(software)
          .map(([n, v]) => `${n} ${v}`)
          .join(", "),
      ),
    ],
    ...Object.entries(data).map(([part, d]): [string, string] => [
      `Data: ${html(part)}`,
      `${html(d.name)}, ${d.images} images, SHA-256 <code>${d.sha256}</code>`,
    ]),
  ];
  if (lineage) {
    rows.push([
      "Made from",
      `${html(lineage.directory)}, checkpoint SHA-256 <code>${lineage.checkpoint}</code>`,
    ]);
  }
  const table = rows.map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`);
  return `<div class="scroll"><table>${table.join("\n")}</table></div>
<details><summary>Configuration</summary><pre>${html(JSON.stringify(record.configuration, null, 2))}</pre></details>`;
}
