import {
  defaults,
  devices,
  limits,
  numberNames,
  type Problems,
  problems,
  type Settings,
  settingsOf,
} from "./settings.js";

/** The form's fields as settings, with what is wrong with them told beside each. */
export class SettingsForm {
  readonly #form: HTMLFormElement;
  readonly #list: HTMLElement;
  /** Sentences about where the fields' values come from, until one of them changes. */
  #complaints: readonly string[] = [];

  /** @param changed called with settings that a run accepts, whenever a field changes */
  constructor(form: HTMLFormElement, list: HTMLElement, changed: (settings: Settings) => void) {
    this.#form = form;
    this.#list = list;
    for (const name of numberNames) {
      const { min, max, step } = limits[name];
      Object.assign(this.#field(name), { min: String(min), max: String(max), step: String(step) });
      this.#field(name).setAttribute("aria-describedby", list.id);
    }
    form.addEventListener("input", () => {
      this.#complaints = [];
      const settings = this.#check();
      if (settings) changed(settings);
    });
  }

  /** Shows settings, and sentences about where they come from. */
  fill(settings: Settings, complaints: readonly string[] = []): void {
    for (const [name, value] of Object.entries(settings)) {
      this.#field(name as keyof Settings).value = String(value);
    }
    this.#complaints = complaints;
    this.#check();
  }

  /** What is entered; null, with the focus on the first field that is wrong, where no run takes it. */
  submit(): Settings | null {
    const settings = this.#check();
    if (!settings) this.#form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    return settings;
  }

  set disabled(disabled: boolean) {
    for (const field of this.#form.querySelectorAll("input, select")) {
      field.toggleAttribute("disabled", disabled);
    }
  }

  #check(): Settings | null {
    const settings = this.#read();
    const found = problems(settings);
    this.#show(found);
    return Object.keys(found).length === 0 ? settings : null;
  }

  #read(): Settings {
    const device = devices.find((known) => known === this.#field("device").value);
    return settingsOf(device ?? defaults.device, (name) => {
      const { value } = this.#field(name);
      return value.trim() === "" ? Number.NaN : Number(value);
    });
  }

  #show(found: Problems): void {
    const told = numberNames.flatMap((name) => {
      const field = this.#field(name);
      const problem = found[name];
      field.setAttribute("aria-invalid", String(problem !== undefined));
      if (problem) field.closest("details")?.setAttribute("open", "");
      const label = field.labels?.[0]?.firstChild?.textContent?.trim() ?? name;
      return problem ? [`${label}: ${problem}`] : [];
    });
    const items = [...this.#complaints, ...told].map((text) =>
      Object.assign(document.createElement("li"), { textContent: text }),
    );
    this.#list.replaceChildren(...items);
  }

  #field(name: keyof Settings): HTMLInputElement | HTMLSelectElement {
    const found = this.#form.elements.namedItem(name);
    if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found;
    throw new Error(`the form has no field ${name}`);
  }
}
