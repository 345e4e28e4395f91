import { type Prepared, targetsOf, triggered } from "../../attacks/index.js";
import type { ImageSet } from "../../data/image-set.js";
import { subset } from "../../data/image-source.js";
import { checkOptions, type OptionTable } from "../../device/options.js";
import type { Classifier } from "../../models/classifier.js";
import { Philox } from "../../tensor/random.js";
import { accuracy, predict } from "../../training/predict.js";
import { backdoorRates, type Examination } from "../records/metrics.js";
import { goalOf, makeAttack, type PlantedAttack } from "../victims/attack.js";
import { type TriggerPicture, triggerPictures } from "./pictures.js";

export interface ExamineOptions {
  batchSize?: number;
  onProgress?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

const examineOptions: OptionTable<ExamineOptions> = {
  batchSize: "number",
  onProgress: "checked",
  signal: "checked",
};

type TargetOf = (label: number) => number;
const noTarget: TargetOf = () => -1;

/**
 * Knows the test images and the attack, and measures models with them. It is the only one that
 * knows both: defenses get a model and clean tuning images.
 */
export class Examiner {
  readonly #test: ImageSet;
  readonly #triggered: ImageSet | null;
  readonly #clean: ImageSet | null;
  readonly #targetOf: TargetOf;

  /**
   * @param attack null for a model without a backdoor: only C-ACC is measured then
   * @param prepared what the attack was made ready with, where it is one that is
   */
  static async create(
    test: ImageSet,
    attack: PlantedAttack | null,
    prepared?: Prepared,
  ): Promise<Examiner> {
    if (!attack) return new Examiner(test, null, null, noTarget);
    const made = await makeAttack(attack, test, prepared);
    const found = await triggered(test, made, goalOf(attack));
    const targetOf = targetsOf(test, goalOf(attack), made.kind);
    return new Examiner(test, subset(test, found.indices), found.set, targetOf);
  }

  private constructor(
    test: ImageSet,
    clean: ImageSet | null,
    triggeredSet: ImageSet | null,
    targetOf: TargetOf,
  ) {
    this.#test = test;
    this.#clean = clean;
    this.#triggered = triggeredSet;
    this.#targetOf = targetOf;
  }

  /** Images that one examination looks at. */
  get images(): number {
    return this.#test.labels.length + (this.#triggered?.labels.length ?? 0);
  }

  /** An examiner with a random part of the images, for the curves between epochs. */
  sample(clean: number, triggeredCount: number): Examiner {
    const pick = (set: ImageSet, count: number): Uint32Array =>
      new Philox(0, 0, "examined sample").permutation(set.labels.length).slice(0, count);
    const test = subset(this.#test, pick(this.#test, clean));
    if (!this.#triggered || !this.#clean || triggeredCount === 0) {
      return new Examiner(test, null, null, noTarget);
    }
    const indices = pick(this.#triggered, triggeredCount);
    const parts = [subset(this.#clean, indices), subset(this.#triggered, indices)] as const;
    return new Examiner(test, ...parts, this.#targetOf);
  }

  /** C-ACC on the test images; ASR and RA on the triggered ones of the other classes. */
  async examine(model: Classifier, options: ExamineOptions = {}): Promise<Examination> {
    checkOptions("examine", options, examineOptions);
    const { onProgress, ...shared } = options;
    const all = this.images;
    const from = (first: number) =>
      onProgress ? { onProgress: (done: number) => onProgress(first + done, all) } : {};
    const clean = this.#test.labels;
    const found = await predict(model, this.#test, { ...shared, ...from(0) });
    const cleanAccuracy = accuracy(found, clean);
    if (!this.#triggered) return { cleanAccuracy, cleanImages: clean.length, backdoor: null };
    const progress = from(clean.length);
    const fooled = await predict(model, this.#triggered, { ...shared, ...progress });
    const backdoor = backdoorRates(fooled, this.#triggered.labels, this.#targetOf);
    return { cleanAccuracy, cleanImages: clean.length, backdoor };
  }

  /** Clean and triggered test images, one for each of the first classes. */
  pictures(count = 6): TriggerPicture[] {
    if (!this.#clean || !this.#triggered) return [];
    return triggerPictures(this.#clean, this.#triggered, count);
  }
}
