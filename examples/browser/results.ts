import type { Verdict } from "shiftgrad";
import { find, make } from "./dom.js";
import { column, type Found, measures, verdictOn } from "./outcome.js";
import { type Phase, phases } from "./protocol.js";

const titles: Readonly<Record<Phase, string>> = { victim: "Victim", ft: "FT", fst: "FST" };
const symbols: Readonly<Record<Verdict["tone"], string>> = {
  good: "✓",
  mixed: "≈",
  bad: "✗",
  unclear: "?",
};

/** The table of the models, and below it the verdict on each that is finished. */
export function showResults(found: Found, classes: number): void {
  for (const phase of phases) {
    const cells = column(found, phase);
    const tone = verdictOn(found, phase, classes)?.tone ?? "";
    for (const measure of measures) {
      const cell = find(`${phase}-${measure}`);
      const { value = "–", range = "" } = cells[measure] ?? {};
      cell.replaceChildren(value, make("small", range));
      // Only the attack's success decides the colour, and it only as the verdict does.
      cell.className = measure === "attack" && phase !== "victim" ? `tone ${tone}` : "";
      cell.classList.toggle("passing", found[phase]?.whole === false);
    }
  }
  const verdicts = phases.flatMap((phase) => {
    const verdict = verdictOn(found, phase, classes);
    return verdict ? [article(titles[phase], verdict)] : [];
  });
  find("verdicts").replaceChildren(...verdicts);
  find("verdicts").hidden = verdicts.length === 0;
}

function article(title: string, { tone, headline, cautions }: Verdict): HTMLElement {
  const made = make("article", "", `tone ${tone}`);
  const symbol = make("span", symbols[tone], "symbol");
  symbol.ariaHidden = "true";
  made.append(symbol, make("h3", title), make("p", headline));
  if (cautions.length > 0) {
    const list = document.createElement("ul");
    list.append(...cautions.map((caution) => make("li", caution)));
    made.append(list);
  }
  return made;
}
