import { hostEffect } from "../device/capture-log.js";
import type { Device } from "../device/device.js";
import { GradientError } from "../device/errors.js";
import type { Slice } from "../device/storage.js";

/** Parameters, by number, that have had the same steps, and the device's count of them. */
interface Group {
  readonly count: Slice;
  readonly members: readonly number[];
}

/**
 * Counts steps for each parameter, as PyTorch does, on the device: parameters without a gradient
 * miss a step. Those that had the same steps share a count, so there is one count until a step
 * leaves a parameter out.
 */
export class StepCounts {
  readonly #device: Device;
  readonly #parameters: number;
  readonly #allocate: (length: number) => Slice;
  /** The first has the count that was there from the start. */
  #groups: readonly Group[];
  /** Counts that begin as copies of others, made when the queue next takes commands. */
  #copies: { src: Slice; dst: Slice }[] = [];

  /** `allocate` makes memory for a further count like `count`. */
  constructor(
    device: Device,
    count: Slice,
    parameters: number,
    allocate: (length: number) => Slice,
  ) {
    this.#device = device;
    this.#parameters = parameters;
    this.#allocate = allocate;
    this.#groups = [{ count, members: numbers(parameters) }];
  }

  /**
   * The groups that make up `stepping`; groups that are only partly in it are split. A recorded step
   * that took such a group as a whole throws GradientError when it is replayed: it counts parameters
   * together that part there. A second recording takes the parts.
   */
  of(stepping: readonly number[]): readonly Group[] {
    const steps = new Set(stepping);
    const split = this.#groups.map((group) => this.#split(group, steps));
    this.#groups = [...split.map(({ kept }) => kept), ...split.flatMap(({ rest }) => rest)];
    const found = this.#groups.filter(({ members }) => steps.has(members[0] ?? -1));
    hostEffect(this.#device, () => {
      if (!found.every((group) => this.#groups.includes(group))) {
        throw new GradientError(
          "a recorded step counts the steps of parameters together that do not take the same ones; " +
            "capture it again, it is known now which do",
        );
      }
      this.#settle();
      return () => {};
    });
    return found;
  }

  /** Every count. */
  async read(): Promise<Float32Array[]> {
    this.#settle();
    const reads = this.#groups.map(({ count }) => this.#device.read(count));
    return (await Promise.all(reads)).map((bytes) => new Float32Array(bytes));
  }

  /**
   * Nothing while there is one count; else the counts after the first, and for each parameter the
   * number of its count.
   */
  async save(): Promise<Float32Array> {
    const groups = this.#groups;
    if (groups.length === 1) return new Float32Array(0);
    const counts = (await this.read()).slice(1).flatMap((count) => [...count]);
    const of = numbers(this.#parameters).map((n) =>
      groups.findIndex(({ members }) => members.includes(n)),
    );
    return Float32Array.from([...counts, ...of]);
  }

  /** Whether `save` may have given so many values. */
  fits(length: number): boolean {
    const counts = (length - this.#parameters) / this.#first.count.length;
    return length === 0 || (Number.isInteger(counts) && counts > 0 && counts < this.#parameters);
  }

  /**
   * Takes over what `save` gave. The first count is the caller's to restore.
   *
   * @throws RangeError when a parameter's count is not there
   */
  load(saved: Float32Array): void {
    const { count: first } = this.#first;
    const others = saved.length === 0 ? 0 : (saved.length - this.#parameters) / first.length;
    const of = saved.subarray(others * first.length);
    for (const group of of) {
      if (Number.isInteger(group) && group >= 0 && group <= others) continue;
      throw new RangeError(`a saved step count is number ${group} of ${others + 1}`);
    }
    this.#copies = [];
    this.#groups = numbers(others + 1).map((group) => {
      const count = group === 0 ? first : this.#allocate(first.length);
      const at = (group - 1) * first.length;
      if (group > 0) this.#device.write(count, saved.subarray(at, at + first.length));
      const members = numbers(this.#parameters).filter((n) => (of[n] ?? 0) === group);
      return { count, members };
    });
  }

  get #first(): Group {
    return this.#groups[0] as Group;
  }

  /** What steps of a group keeps its count, the rest gets a copy; without it all is kept. */
  #split(group: Group, steps: ReadonlySet<number>): { kept: Group; rest: readonly Group[] } {
    const { count } = group;
    const inside = group.members.filter((n) => steps.has(n));
    const outside = group.members.filter((n) => !steps.has(n));
    if (inside.length === 0 || outside.length === 0) return { kept: group, rest: [] };
    const copy = this.#allocate(count.length);
    this.#copies.push({ src: count, dst: copy });
    return { kept: { count, members: inside }, rest: [{ count: copy, members: outside }] };
  }

  /** A copy in a recording would be made again by every replay: it waits for the first. */
  #settle(): void {
    if (this.#device.capturing) return;
    for (const copy of this.#copies.splice(0)) this.#device.run("copy", copy);
  }
}

const numbers = (length: number): number[] => Array.from({ length }, (_, n) => n);
