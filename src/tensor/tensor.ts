import { type CaptureLog, hostEffect } from "../device/capture-log.js";
import type { Device } from "../device/device.js";
import { GradientError, ReleasedError, ShapeError } from "../device/errors.js";
import { byteLength, type Slice } from "../device/storage.js";
import { convert } from "./convert.js";
import { LeafGradient } from "./leaf-gradient.js";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape.js";

/** Element types that ops compute with, in f32 arithmetic. f16 is for storage. */
export type FloatType = "f32" | "f16";
export type DType = FloatType | "u32";

/** How a tensor came to be, for the backward pass; `src/autograd` makes and walks these. */
export interface GradientNode {
  readonly name: string;
  /** What gradients flow to: undefined for an input that wanted none at the forward pass. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** Every tensor whose values `backward` reads, but the gradient it is given. */
  readonly saved: readonly SavedTensor[];
  readonly backward: OpBackward;
  /** Whether a backward pass gave the memory back that the node needs. */
  spent: boolean;
}

/** A tensor as it was at the forward pass. */
export interface SavedTensor {
  readonly tensor: Tensor;
  /** The capture it was saved in. */
  readonly capture: CaptureLog | undefined;
  /** Throws ReleasedError or GradientError if the values are no longer those that `op` saved. */
  check(op: string): void;
}

/**
 * Gradients of an op's inputs (undefined where not needed) from the gradient of its output.
 * `sink(i)` is the tensor to write input i's gradient to: fresh memory, or the slot of the
 * parameter's own gradient, which saves a copy. `needs(i)` says whether that gradient is wanted.
 */
export type OpBackward = (
  grad: Tensor,
  sink: GradientSink,
  needs: (input: number) => boolean,
) => (Tensor | undefined)[];

export type GradientSink = (input: number) => Tensor;

/**
 * A dense, row-major array on a device. It views a slice and does not own the memory: the scope it
 * was made in does (see `Device.scope`), unless `keep` took it out.
 */
export class Tensor {
  readonly device: Device;
  readonly slice: Slice;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Set by ops on results that depend on something with `requiresGrad`. */
  node: GradientNode | undefined;
  /** The same values as f16, kept up to date while a training step in mixed precision runs. */
  half: Tensor | undefined;
  #requiresGrad = false;
  #gradient: LeafGradient<Tensor> | undefined;

  constructor(device: Device, slice: Slice, shape: Shape, dtype: DType = "f32") {
    const size = sizeOf(shape);
    if (slice.length !== size) {
      throw new ShapeError(
        `a tensor of shape ${formatShape(shape)} has ${size} elements, its slice ${slice.length}`,
      );
    }
    if ((dtype === "f16") !== (slice.type === "f16")) {
      throw new ShapeError(`a tensor of ${dtype} on a slice of ${slice.type ?? "32-bit elements"}`);
    }
    this.device = device;
    this.slice = slice;
    this.shape = shape;
    this.dtype = dtype;
  }

  get size(): number {
    return this.slice.length;
  }

  /** True for parameters and for inputs whose gradient is wanted: leaves of the gradient graph. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /**
   * Counts for forward passes from here on; turned off, `backward` also passes the leaf over.
   *
   * @throws GradientError on an op's result, or on integers
   */
  set requiresGrad(on: boolean) {
    if (this.node) {
      throw new GradientError(
        `requiresGrad: ${this.describe()} is the result of ${this.node.name}, not a leaf; ` +
          "gradients(loss, [tensor]) gives its gradient, detach() cuts the graph there",
      );
    }
    if (on && this.dtype === "u32") {
      throw new GradientError(`requiresGrad: ${this.describe()} is u32; integers have no gradient`);
    }
    this.#requiresGrad = on;
  }

  /**
   * The gradient of a leaf, if the last `backward` on its device reached it (or one that
   * accumulated since): the same shape. Undefined else.
   */
  get grad(): Tensor | undefined {
    return this.#gradient?.present;
  }

  /**
   * Takes a copy of a gradient, as if `backward` had left it, or none.
   *
   * @throws ShapeError on another shape, element type or device
   */
  set grad(grad: Tensor | undefined) {
    const { gradient } = this;
    if (grad) this.#checkGradient(grad);
    const value = grad && this.#copyOf(grad, gradient.slot);
    hostEffect(this.device, () => {
      const { state } = gradient;
      gradient.leave(value);
      return () => {
        gradient.state = state;
      };
    });
  }

  /** @internal Where backward passes and optimizers keep the gradient. */
  get gradient(): LeafGradient<Tensor> {
    this.#gradient ??= new LeafGradient(this.device);
    return this.#gradient;
  }

  /** True until the memory behind the tensor is released. */
  get live(): boolean {
    return this.slice.storage.live;
  }

  /**
   * Takes the tensor out of its scope, with all that shares its memory; it lives until `release`.
   * Returns the tensor.
   *
   * @throws ReleasedError when the memory was released before
   */
  keep(): this {
    this.checkLive("keep");
    this.device.keep(this.slice.storage);
    return this;
  }

  /**
   * Gives the memory back, which views of it share.
   *
   * @throws ReleasedError when it was released before
   */
  release(): void {
    this.checkLive("release");
    this.device.release(this.slice.storage);
  }

  /** The same memory, outside the gradient graph. */
  detach(): Tensor {
    return new Tensor(this.device, this.slice, this.shape, this.dtype);
  }

  /** Marks a leaf as one whose gradient is wanted (see `requiresGrad`). Returns the tensor. */
  withGrad(): this {
    this.requiresGrad = true;
    return this;
  }

  /** Overwrites the values, in queue order. `values` has as many elements as the tensor. */
  write(values: ArrayLike<number>): void {
    if (values.length !== this.size) {
      throw new ShapeError(
        `write: the tensor ${formatShape(this.shape)} has ${this.size} elements, ${values.length} given`,
      );
    }
    this.checkLive("write");
    if (this.dtype === "f16") {
      this.#throughFloats((floats) => {
        this.device.write(floats, Float32Array.from(values));
        convert(this.device, floats, this.slice);
      });
      return;
    }
    const typed = this.dtype === "f32" ? Float32Array : Uint32Array;
    this.device.write(this.slice, values instanceof typed ? values : typed.from(values));
  }

  /** The values on the host, after everything enqueued before. */
  async read(): Promise<Float32Array> {
    if (this.dtype === "u32") throw new ShapeError("read: the tensor is u32; use readIntegers");
    return new Float32Array(await this.#bytes());
  }

  /** The values of a u32 tensor on the host. */
  async readIntegers(): Promise<Uint32Array> {
    if (this.dtype !== "u32") {
      throw new ShapeError(`readIntegers: the tensor is ${this.dtype}; use read`);
    }
    return new Uint32Array(await this.#bytes());
  }

  /** The single value of a one-element tensor. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(`item: needs one element, the shape is ${formatShape(this.shape)}`);
    }
    return (this.dtype === "u32" ? await this.readIntegers() : await this.read())[0] ?? Number.NaN;
  }

  /** Throws ReleasedError if the memory was released: by name, by its scope or by `backward`. */
  checkLive(op: string): void {
    if (this.live) return;
    throw new ReleasedError(
      `${op}: ${this.describe()} was released before; call keep() on what must outlive its scope ` +
        "or a backward with release: true",
    );
  }

  /** The tensor in an error's words: its shape, and what its memory was made for. */
  describe(): string {
    return `a tensor of shape ${formatShape(this.shape)} ("${this.slice.storage.label}")`;
  }

  /** The values in `into`, or in new memory. */
  #copyOf(from: Tensor, into?: Tensor): Tensor {
    const copy = into ?? this.#alike(`gradient ${formatShape(this.shape)}`);
    if (copy.size > 0 && from.slice !== copy.slice) {
      this.device.run("copy", { src: from.slice, dst: copy.slice });
    }
    return copy;
  }

  #alike(label: string): Tensor {
    const { device, slice, shape, dtype } = this;
    const storage = device.allocate(Math.max(byteLength(slice), 4), label);
    return new Tensor(device, { ...slice, storage, offset: 0 }, shape, dtype);
  }

  #checkGradient(grad: Tensor): void {
    grad.checkLive("grad");
    const { shape, dtype, device } = grad;
    if (sameShape(shape, this.shape) && dtype === this.dtype && device === this.device) return;
    throw new ShapeError(
      `grad: ${formatShape(shape)} ${dtype} for a tensor ${formatShape(this.shape)} ` +
        `${this.dtype}; shape, element type and device must be the tensor's`,
    );
  }

  async #bytes(): Promise<ArrayBuffer> {
    if (this.size === 0) return new ArrayBuffer(0);
    this.checkLive("read");
    if (this.dtype !== "f16") return this.device.read(this.slice);
    return this.#throughFloats((floats) => {
      convert(this.device, this.slice, floats);
      return this.device.read(floats);
    });
  }

  /** Lends memory for the values as f32 to what `body` enqueues. */
  #throughFloats<T>(body: (floats: Slice) => T): T {
    using _ = this.device.scope();
    const storage = this.device.allocate(this.size * 4, "an f16 tensor's values");
    return body({ storage, offset: 0, length: this.size });
  }
}
