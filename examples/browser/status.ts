import { find } from "./dom.js";

/** What is done at the moment, and how fast. It changes with every step, so nothing reads it aloud. */
export function showStatus(doing: string, speed = ""): void {
  find("doing").textContent = doing;
  find("speed").textContent = speed;
}

/** @param share of the whole run, of 1 */
export function showProgress(share: number): void {
  find("progress").setAttribute("value", String(share));
}

/** Tells a stage to those who listen rather than look: a few sentences in a whole run. */
export function tellStage(sentence: string): void {
  find("stage").textContent = sentence;
}
