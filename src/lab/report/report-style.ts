/** The report's style sheet: one column, light and dark, no outside resource. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2430; --soft: #5d6878; --line: #d9dfe7; --tint: #f4f6f9;
  --accuracy: #1f6feb; --success: #c8372d; --loss: #6e5bb8; --good: #1a7f4b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --ink: #e4e9f0; --soft: #98a4b5; --line: #2c3541; --tint: #1a2029;
    --accuracy: #6ea8ff; --success: #ff8577; --loss: #b5a4f5; --good: #5bd197;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .7rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, figcaption, th { color: var(--soft); }
.numbers { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .45rem .8rem .45rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 500; font-size: .85rem; }
.result td + td, .result th + th { text-align: right; font-variant-numeric: tabular-nums; }
.result td:first-child { font-weight: 600; }
.change { color: var(--soft); font-size: .85rem; font-weight: 400; margin-left: .35rem; }
.interval { display: block; color: var(--soft); font-size: .75rem; }
.verdict { border-left: 4px solid var(--soft); background: var(--tint); border-radius: 4px;
  padding: .5rem .9rem; margin: .6rem 0; max-width: 46rem; }
.verdict p { margin: .15rem 0; }
.verdict.good { border-color: var(--good); }
.verdict.bad { border-color: var(--success); }
.verdict.mixed { border-color: var(--loss); }
.charts { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
figure { margin: 0; }
figcaption { font-size: .85rem; margin-bottom: .3rem; }
.chart svg { width: 100%; height: auto; display: block; }
.chart .line { fill: none; stroke: var(--series); stroke-width: 2; stroke-linejoin: round; }
.chart .line.loss { stroke-width: 1.5; }
.chart .mark { fill: var(--series); stroke: var(--paper); }
.chart .end { fill: var(--series); font-size: 12px; font-weight: 600; }
.chart .grid { stroke: var(--line); }
.chart .tick { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.chart .accuracy { --series: var(--accuracy); }
.chart .success { --series: var(--success); }
.chart .loss { --series: var(--loss); }
.pictures { display: flex; flex-wrap: wrap; gap: 1.2rem; }
.pictures div { display: flex; gap: .3rem; }
.pictures img { width: 72px; height: 72px; image-rendering: pixelated; border-radius: 3px; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem;
  overflow-x: auto; font: .85rem/1.5 ui-monospace, "SF Mono", Consolas, monospace; margin: .4rem 0; }
details { border-top: 1px solid var(--line); padding: .6rem 0; }
summary { cursor: pointer; font-weight: 500; }
code { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .88em;
  overflow-wrap: anywhere; }
`;
