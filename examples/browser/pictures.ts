import type { Phase, Picture } from "./protocol.js";

const says: Readonly<Record<Phase, string>> = {
  victim: "victim says",
  ft: "after FT",
  fst: "after FST",
};
const rows = ["clean", "triggered", "difference"] as const;

/** A grid: clean, triggered and difference pictures, then a row for each model's answers. */
export function showPictures(host: HTMLElement, pictures: readonly Picture[]): void {
  host.classList.remove("empty");
  host.replaceChildren(
    ...rows.flatMap((kind) =>
      row(
        kind,
        pictures.map(({ label, [kind]: src }) =>
          Object.assign(new Image(), { src, alt: `${label}, ${kind}` }),
        ),
      ),
    ),
    ...row(
      "truth",
      pictures.map(({ label }) => document.createTextNode(label)),
    ),
  );
}

/** What a model says to the triggered pictures: underlined where it gives the attacker's class. */
export function showAnswers(
  host: HTMLElement,
  phase: Phase,
  answers: readonly string[],
  pictures: readonly Picture[],
  target: string,
): void {
  const cells = answers.map((answer, i) => {
    const cell = document.createElement("span");
    cell.textContent = answer;
    if (answer === target) cell.className = "fooled";
    else if (answer === pictures[i]?.label) cell.className = "right";
    return cell;
  });
  host.append(...row(says[phase], cells));
}

function row(title: string, content: readonly Node[]): HTMLElement[] {
  const head = Object.assign(document.createElement("div"), { className: "row" });
  head.textContent = title;
  const cells = content.map((node) => {
    const cell = Object.assign(document.createElement("div"), { className: "cell" });
    cell.append(node);
    return cell;
  });
  return [head, ...cells];
}
