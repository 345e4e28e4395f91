import { defaults, type RunConfig } from "./protocol.js";

/** The form and the page's address, `?device=cpu&width=4&start`, as one configuration. */

const form = document.querySelector("form") ?? document.createElement("form");

export const startsAtOnce = (): boolean => new URLSearchParams(location.search).has("start");

export function onSubmit(start: () => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
}

export function fillForm(): void {
  const config = fromAddress();
  for (const name of ["device", "width", "images", "epochs"] as const) {
    field(name).value = String(config[name]);
  }
  field("percent").value = String(Math.round(config.rate * 1000) / 10);
}

export function readForm(): RunConfig {
  return {
    ...fromAddress(),
    device: deviceOf(field("device").value) ?? "auto",
    width: Number(field("width").value),
    images: Number(field("images").value),
    epochs: Number(field("epochs").value),
    rate: Number(field("percent").value) / 100,
  };
}

function fromAddress(): RunConfig {
  const query = new URLSearchParams(location.search);
  const number = (name: Exclude<keyof RunConfig, "device">): number => {
    const value = Number(query.get(name) ?? Number.NaN);
    return value >= 0 ? value : defaults[name];
  };
  return {
    device: deviceOf(query.get("device")) ?? defaults.device,
    width: number("width"),
    images: number("images"),
    epochs: number("epochs"),
    tuningEpochs: number("tuningEpochs"),
    batchSize: number("batchSize"),
    rate: number("rate"),
    seed: number("seed"),
  };
}

function deviceOf(value: string | null): RunConfig["device"] | undefined {
  return value === "auto" || value === "cpu" || value === "webgpu" ? value : undefined;
}

function field(name: string): HTMLInputElement | HTMLSelectElement {
  const found = form.elements.namedItem(name);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
  throw new Error(`the form has no field ${name}`);
}
