import { ModuleError } from "../device/errors.js";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Initialiser } from "./init.js";

/**
 * How values lie on the device and in a PyTorch state_dict. `plain`: alike. `conv`: HWIO here, OIHW
 * there. `image-conv`: as `conv`, with the input channels padded to the four of an image here.
 */
export type Layout = "plain" | "conv" | "image-conv";

/** A tensor that belongs to a module and gets its memory when the model is placed on a device. */
abstract class Owned {
  /** Shape in a PyTorch state_dict. */
  readonly shape: Shape;
  readonly layout: Layout;
  readonly init: Initialiser;
  #value: Tensor | undefined;
  #substitute: Tensor | undefined;

  constructor(shape: Shape, init: Initialiser, layout: Layout = "plain") {
    this.shape = shape;
    this.init = init;
    this.layout = layout;
  }

  /** Shape on the device. */
  get deviceShape(): Shape {
    if (this.layout === "plain") return this.shape;
    const [o, i, h, w] = this.shape as [number, number, number, number];
    return [h, w, this.#channels(i), o];
  }

  /** Elements in the state_dict, without padding. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether it has memory on a device. */
  get placed(): boolean {
    return this.#value?.live ?? false;
  }

  /**
   * What the layer computes with: its own values, or those that `withValues` gives it.
   *
   * @throws ModuleError before the model it is part of was placed
   */
  get value(): Tensor {
    return this.#substitute ?? this.own;
  }

  /**
   * The model's own values on the device.
   *
   * @throws ModuleError before the model was placed
   */
  get own(): Tensor {
    if (this.#value) return this.#value;
    throw new ModuleError(
      `a parameter or statistic ${formatShape(this.shape)} has no memory: call ` +
        "place(model, device, { seed }) first. If the model is placed, place did not find it: it " +
        "must be there before, in a property of a module, or an array, map, set or plain object " +
        "there; private #fields, closures and objects of other classes are not searched",
    );
  }

  bind(value: Tensor): void {
    this.#value = value;
  }

  /** @internal Gives the layer other values to compute with; returns those it had instead. */
  substitute(value: Tensor | undefined): Tensor | undefined {
    const before = this.#substitute;
    this.#substitute = value;
    return before;
  }

  /** From the state_dict's layout to the device's. */
  toDevice(values: Float32Array): Float32Array {
    if (this.layout === "plain") return values;
    return oihwToHwio(values, this.shape, this.#channels(this.shape[1] ?? 0));
  }

  /** From the device's layout to the state_dict's. */
  toHost(values: Float32Array): Float32Array {
    if (this.layout === "plain") return values;
    return hwioToOihw(values, this.shape, this.#channels(this.shape[1] ?? 0));
  }

  #channels(inputs: number): number {
    return this.layout === "image-conv" ? imageChannels : inputs;
  }
}

/** Trained by an optimizer; `own.requiresGrad` says whether it takes part. */
export class Parameter extends Owned {
  get trainable(): boolean {
    return this.own.requiresGrad;
  }

  set trainable(on: boolean) {
    this.own.requiresGrad = on;
  }
}

/** State that training updates by other means: running statistics. */
export class Statistic extends Owned {}

/** Channels of an image on the device: RGB and one of zeros, so that vector loads serve it. */
export const imageChannels = 4;

function oihwToHwio(values: Float32Array, shape: Shape, padded: number): Float32Array {
  const [o, i, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(h * w * padded * o);
  for (let co = 0; co < o; co++) {
    for (let ci = 0; ci < i; ci++) {
      for (let p = 0; p < h * w; p++) {
        out[(p * padded + ci) * o + co] = values[(co * i + ci) * h * w + p] ?? 0;
      }
    }
  }
  return out;
}

function hwioToOihw(values: Float32Array, shape: Shape, padded: number): Float32Array {
  const [o, i, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(o * i * h * w);
  for (let co = 0; co < o; co++) {
    for (let ci = 0; ci < i; ci++) {
      for (let p = 0; p < h * w; p++) {
        out[(co * i + ci) * h * w + p] = values[(p * padded + ci) * o + co] ?? 0;
      }
    }
  }
  return out;
}
