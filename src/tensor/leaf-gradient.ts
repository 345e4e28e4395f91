/*
 * A gradient counts for one era of its device. Each backward pass that does not accumulate begins
 * one, so what it does not reach has no gradient, whatever its memory holds.
 */
interface Eras {
  current: number;
}

const byDevice = new WeakMap<object, Eras>();
let latest = 0;

function erasOf(device: object): Eras {
  const eras = byDevice.get(device) ?? { current: 0 };
  byDevice.set(device, eras);
  return eras;
}

/** Begins an era: no leaf on the device has a gradient. Returns the way back. */
export function beginEra(device: object): () => void {
  const eras = erasOf(device);
  const before = eras.current;
  eras.current = ++latest;
  return () => {
    eras.current = before;
  };
}

/** What `state` notes of a gradient, to put it back. */
export interface GradientState<T> {
  readonly value: T | undefined;
  readonly era: number;
  /** Whether an optimizer's step took it. */
  readonly spent: boolean;
}

/** The gradient of one leaf: where it is, and whether it is one. */
export class LeafGradient<T> {
  /** Memory of its own that every gradient is written to, as parameters have it. */
  slot: T | undefined;
  readonly #eras: Eras;
  state: GradientState<T> = { value: undefined, era: -1, spent: false };

  constructor(device: object) {
    this.#eras = erasOf(device);
  }

  /** What a backward pass of this era left, or was assigned. */
  get present(): T | undefined {
    const { value, era } = this.state;
    return era === this.#eras.current ? value : undefined;
  }

  /** As `present`, unless a step took it. */
  get unspent(): T | undefined {
    return this.state.spent ? undefined : this.present;
  }

  /** Makes `value` the gradient of this era. */
  leave(value: T | undefined): void {
    this.state = { value, era: this.#eras.current, spent: false };
  }

  /** Notes that a step took it. */
  spend(): void {
    this.state = { ...this.state, spent: true };
  }
}
