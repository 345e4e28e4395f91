/** The element of the page with this id. */
export function find(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found) return found;
  throw new Error(`the page has no #${id}`);
}

/** A new element with text in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string,
  className = "",
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), { textContent: text, className });
}
