import type { Device } from "../device/device.js";
import { ReleasedError, ShapeError } from "../device/errors.js";
import { pending } from "../device/pending.js";
import type { Slice } from "../device/storage.js";
import { convert } from "./convert.js";
import { formatShape, type Shape, sizeOf } from "./shape.js";

/** Element types that ops compute with, in f32 arithmetic. f16 is for storage. */
export type FloatType = "f32" | "f16";
export type DType = FloatType | "u32";

/** How a tensor came to be, for the backward pass; `src/autograd` walks these. */
export interface GradientNode {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  /**
   * Gradients of the inputs (undefined where not needed) from the gradient of the output.
   * `sink(i, shape)` is the tensor to write input i's gradient to: fresh memory, or the slot of
   * the parameter's own gradient, which saves a copy.
   */
  readonly backward: (grad: Tensor, sink: GradientSink) => (Tensor | undefined)[];
}

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
  /** True for parameters and for inputs whose gradient is wanted. */
  requiresGrad = false;
  /** Set by ops on results that depend on something with `requiresGrad`. */
  node: GradientNode | undefined;
  /** The same values as f16, kept up to date while a training step in mixed precision runs. */
  half: Tensor | undefined;
  /** Where `backward` leaves the gradient of a leaf; same shape. */
  grad: Tensor | undefined;

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

  /** True until the memory behind the tensor is released. */
  get live(): boolean {
    return this.slice.storage.live;
  }

  /** Takes the tensor out of its scope; it lives until `release`. Returns the tensor. */
  keep(): this {
    this.device.keep(this.slice.storage);
    return this;
  }

  release(): void {
    this.device.release(this.slice.storage);
  }

  /** The same memory, outside the gradient graph. */
  detach(): Tensor {
    return new Tensor(this.device, this.slice, this.shape, this.dtype);
  }

  /** Marks a leaf as one whose gradient is wanted. Returns the tensor. */
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
  read(): Promise<Float32Array> {
    return pending(this.#read());
  }

  async #read(): Promise<Float32Array> {
    if (this.dtype === "u32") throw new ShapeError("read: the tensor is u32; use readIntegers");
    return new Float32Array(await this.#bytes());
  }

  /** The values of a u32 tensor on the host. */
  readIntegers(): Promise<Uint32Array> {
    return pending(this.#readIntegers());
  }

  async #readIntegers(): Promise<Uint32Array> {
    if (this.dtype !== "u32") {
      throw new ShapeError(`readIntegers: the tensor is ${this.dtype}; use read`);
    }
    return new Uint32Array(await this.#bytes());
  }

  /** The single value of a one-element tensor. */
  item(): Promise<number> {
    return pending(this.#item());
  }

  async #item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(`item: needs one element, the shape is ${formatShape(this.shape)}`);
    }
    return (this.dtype === "u32" ? await this.readIntegers() : await this.read())[0] ?? Number.NaN;
  }

  /** Throws ReleasedError if the scope that owned the memory has ended. */
  checkLive(op: string): void {
    if (!this.live) {
      throw new ReleasedError(
        `${op}: a tensor of shape ${formatShape(this.shape)} was used after its scope released it; ` +
          "call keep() on what must outlive the scope",
      );
    }
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
