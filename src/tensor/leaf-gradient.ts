/*
 * A gradient counts for one era of its device. Each backward pass that does not accumulate begins
 * one, so what it does not reach has no gradient, whatever its memory holds.
 */
const eras = new WeakMap<object, number>();
let latest = 0;

/** Begins an era: no leaf on the device has a gradient. Returns the way back. */
export function beginEra(device: object): () => void {
  const before = eras.get(device) ?? 0;
  eras.set(device, ++latest);
  return () => {
    eras.set(device, before);
  };
}

interface State<T> {
  readonly value: T | undefined;
  readonly era: number;
  /** Whether an optimizer's step took it. */
  readonly spent: boolean;
}

/** The gradient of one leaf: where it is, and whether it is one. */
export class LeafGradient<T> {
  /** Memory of its own that every gradient is written to, as parameters have it. */
  slot: T | undefined;
  readonly #device: object;
  #state: State<T> = { value: undefined, era: -1, spent: false };

  constructor(device: object) {
    this.#device = device;
  }

  /** What a backward pass of this era left, or was assigned. */
  get present(): T | undefined {
    const { value, era } = this.#state;
    return era === (eras.get(this.#device) ?? 0) ? value : undefined;
  }

  /** As `present`, unless a step took it. */
  get unspent(): T | undefined {
    return this.#state.spent ? undefined : this.present;
  }

  /** Makes `value` the gradient of this era. Returns the way back. */
  leave(value: T | undefined): () => void {
    return this.#become({ value, era: eras.get(this.#device) ?? 0, spent: false });
  }

  /** Notes that a step took it. Returns the way back. */
  spend(): () => void {
    return this.#become({ ...this.#state, spent: true });
  }

  #become(state: State<T>): () => void {
    const before = this.#state;
    this.#state = state;
    return () => {
      this.#state = before;
    };
  }
}
