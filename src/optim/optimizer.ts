import type { Slice, Storage } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";

/** The same stretch of the flat parameters and of their gradients. */
export interface Range {
  readonly params: Slice;
  readonly grads: Slice;
}

/** The trainable parameters of a placed model as few stretches of its flat memory as possible. */
export function trainableRanges(model: Module): Range[] {
  const { values, gradients } = placementOf(model);
  const merged: { offset: number; end: number }[] = [];
  let contiguous = false;
  for (const [, p] of model.parameters()) {
    const { offset, length } = p.value.slice;
    const last = merged.at(-1);
    if (!p.trainable) contiguous = false;
    else if (last && contiguous) last.end = offset + length;
    else {
      merged.push({ offset, end: offset + length });
      contiguous = true;
    }
  }
  return merged.map(({ offset, end }) => ({
    params: { storage: values.storage, offset, length: end - offset },
    grads: { storage: gradients.storage, offset, length: end - offset },
  }));
}

/** Memory of an optimizer beside the parameters: `copies` values for each of theirs, zero at first. */
export class OptimizerState {
  readonly #storages: Storage[] = [];
  readonly #model: Module;

  constructor(model: Module) {
    this.#model = model;
  }

  zerosLike(range: Range, label: string): Slice {
    const { device } = placementOf(this.#model);
    const storage = device.allocate(range.params.length * 4, label);
    device.keep(storage);
    this.#storages.push(storage);
    const slice = { storage, offset: 0, length: range.params.length };
    device.run("fill", { dst: slice, value: 0 });
    return slice;
  }

  hyperparameters(count: number): Tensor {
    const { device } = placementOf(this.#model);
    const values = tensor(device, new Float32Array(count)).keep();
    this.#storages.push(values.slice.storage);
    return values;
  }

  release(): void {
    const { device } = placementOf(this.#model);
    for (const storage of this.#storages.splice(0)) device.release(storage);
  }
}
