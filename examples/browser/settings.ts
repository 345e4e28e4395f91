/** What a person may choose: what it is called in form and address, and what a run accepts. */

export interface Settings {
  readonly device: "auto" | "webgpu" | "cpu";
  /** Channels of the first stage of the ResNet-18. */
  readonly width: number;
  /** Training images; a third as many are drawn for the examiner. */
  readonly images: number;
  readonly epochs: number;
  /** Percentage of the victim's images that carry the trigger. */
  readonly percent: number;
  readonly tuningEpochs: number;
  readonly batchSize: number;
  readonly seed: number;
}

type NumberName = Exclude<keyof Settings, "device">;

/** Settings with these numbers. */
export const settingsOf = (
  device: Settings["device"],
  number: (name: NumberName) => number,
): Settings => ({
  device,
  width: number("width"),
  images: number("images"),
  epochs: number("epochs"),
  percent: number("percent"),
  tuningEpochs: number("tuningEpochs"),
  batchSize: number("batchSize"),
  seed: number("seed"),
});

/** The command line's demo: enough images and epochs that the backdoor takes hold. */
export const defaults: Settings = {
  device: "auto",
  width: 8,
  images: 6000,
  epochs: 8,
  percent: 2,
  tuningEpochs: 10,
  batchSize: 128,
  seed: 0,
};

export const devices: readonly Settings["device"][] = ["auto", "webgpu", "cpu"];

/** What each field accepts by itself; `problems` has what depends on the others. */
export const limits: Readonly<Record<NumberName, { min: number; max: number; step: number }>> = {
  width: { min: 1, max: 64, step: 1 },
  images: { min: 100, max: 50_000, step: 1 },
  epochs: { min: 1, max: 100, step: 1 },
  percent: { min: 0.01, max: 100, step: 0.01 },
  tuningEpochs: { min: 1, max: 100, step: 1 },
  batchSize: { min: 1, max: 1024, step: 1 },
  seed: { min: 0, max: 2 ** 32 - 1, step: 1 },
};

export const numberNames = Object.keys(limits) as NumberName[];

const classes = 10;
/** One in ten images of each class is the defender's. */
const heldOut = 10;

/** How many images there are of each kind. */
export function imageCounts({ images, percent }: Pick<Settings, "images" | "percent">) {
  const tuning = classes * Math.floor(Math.floor(images / classes) / heldOut);
  const training = images - tuning;
  const poisoned = Math.round((percent / 100) * training);
  return { training, poisoned, tuning, test: Math.max(40, Math.ceil(images / 3)) };
}

/** What is wrong with a field, by its name: what a person should enter instead. */
export type Problems = Partial<Record<keyof Settings, string>>;

/** Empty for settings that a run accepts. */
export function problems(settings: Settings): Problems {
  const found: Problems = {};
  for (const name of numberNames) {
    const { min, max, step } = limits[name];
    const value = settings[name];
    if (value >= min && value <= max && isMultiple(value, step)) continue;
    const kind = step === 1 ? "A whole number" : "A number";
    found[name] = `${kind} from ${grouped(min)} to ${grouped(max)}.`;
  }
  if (found.images) {
    found.images += ` Of ${limits.images.min} or more, the defender’s tenth has one of each class.`;
  }
  if (found.images || found.percent) return found;
  const { training, poisoned } = imageCounts(settings);
  if (poisoned === 0) {
    const least = Math.ceil(5000 / training) / 100;
    found.percent = `At least ${least}: less of ${grouped(training)} training images rounds to none.`;
  }
  if (!found.batchSize && settings.batchSize > training) {
    found.batchSize = `At most ${grouped(training)}: as many images does the victim learn from.`;
  }
  return found;
}

/** "50,000", as in all sentences of the page. */
export const grouped = (value: number): string => value.toLocaleString("en");

/** Up to the rounding of decimal fractions. */
const isMultiple = (value: number, step: number): boolean =>
  Math.abs(value / step - Math.round(value / step)) < 1e-6;

/** All settings as the query of the page's address: `device=cpu&width=4&...`. */
export const addressOf = (settings: Settings): string =>
  new URLSearchParams(
    Object.entries(settings).map(([name, value]) => [name, String(value)]),
  ).toString();

/** What an address says, the defaults where it says nothing, and what in it cannot be understood. */
export interface Address {
  readonly settings: Settings;
  /** The address ends in `&start`: the run begins at once. */
  readonly start: boolean;
  readonly complaints: readonly string[];
}

export function readAddress(query: string): Address {
  const complaints: string[] = [];
  const numbers: Partial<Record<NumberName, number>> = {};
  let { device } = defaults;
  let start = false;
  for (const [name, text] of new URLSearchParams(query)) {
    const complain = (why: string): void => {
      complaints.push(`“${name}=${text}” in the address ${why}.`);
    };
    const number = numberNames.find((known) => known === name);
    if (name === "start") start = true;
    else if (name === "device") {
      const known = devices.find((d) => d === text);
      if (known) device = known;
      else complain(`is none of ${devices.join(", ")}`);
    } else if (!number) complain("is no setting");
    else if (text.trim() !== "" && Number.isFinite(Number(text))) numbers[number] = Number(text);
    else complain("is no number");
  }
  const settings = settingsOf(device, (name) => numbers[name] ?? defaults[name]);
  return { settings, start, complaints };
}
