import { epochOrder, type LoaderOptions } from "../data/loader.js";
import type { Device } from "../device/device.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import { formatShape, type Shape, sizeOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Batches, Feed } from "./feed.js";

/** One value an example has: floats, or integers such as a class. */
export interface TensorField {
  /** All examples, one after the other. */
  readonly values: Float32Array | Uint32Array;
  /** Of one example; [] for a single number. */
  readonly shape: Shape;
}

/** Examples of any kind in memory, by the names of their fields: what `fit` trains on beside images. */
export interface TensorSet<Name extends string = string> {
  readonly count: number;
  readonly fields: Readonly<Record<Name, TensorField>>;
}

/** A batch on the device: each field [n, ...shape], f32 or u32. */
export type TensorBatch<Name extends string = string> = Readonly<Record<Name, Tensor>>;

/**
 * Examples from their fields: `tensorSet({ x: { values, shape: [2] }, y: { values: labels, shape: [] } })`.
 *
 * @throws ShapeError that names the field when the fields hold different numbers of examples, or none
 */
export function tensorSet<Name extends string>(
  fields: Readonly<Record<Name, TensorField>>,
): TensorSet<Name> {
  const named = Object.entries<TensorField>(fields);
  const counts = named.map(([name, { values, shape }]) => {
    const count = values.length / sizeOf(shape);
    if (Number.isInteger(count) && count > 0) return count;
    throw new ShapeError(
      `tensorSet: ${name} has ${values.length} values, which is no number of examples of shape ` +
        formatShape(shape),
    );
  });
  const [count = 0] = counts;
  if (named.length === 0) throw new ShapeError("tensorSet: needs at least one field");
  const other = counts.findIndex((n) => n !== count);
  if (other >= 0) {
    throw new ShapeError(
      `tensorSet: ${named[0]?.[0]} has ${count} examples, ${named[other]?.[0]} ${counts[other]}`,
    );
  }
  return { count, fields };
}

/** What a batch is before it is on the device. */
export interface HostTensors<Name extends string = string> {
  readonly count: number;
  readonly values: Readonly<Record<Name, Float32Array | Uint32Array>>;
  /** Which examples they are. */
  readonly indices: Uint32Array;
}

/** Tensors as `fit` takes them. */
export class TensorBatches<Name extends string>
  implements Batches<HostTensors<Name>, TensorBatch<Name>>
{
  readonly #device: Device;
  readonly #set: TensorSet<Name>;
  readonly #options: LoaderOptions;
  readonly length: number;

  constructor(device: Device, set: TensorSet<Name>, options: LoaderOptions) {
    this.#device = device;
    this.#set = set;
    this.#options = options;
    const { batchSize, dropLast = false } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`fit: batchSize must be a positive integer, got ${batchSize}`);
    }
    this.length = dropLast ? Math.floor(set.count / batchSize) : Math.ceil(set.count / batchSize);
    if (this.length === 0) {
      throw new RangeError(
        `fit: ${set.count} examples are not one batch of ${batchSize}; choose a smaller batch or ` +
          "keep the last one (dropLast: false)",
      );
    }
  }

  async *epoch(epoch: number): AsyncGenerator<HostTensors<Name>, void, void> {
    const { batchSize, seed } = this.#options;
    const order = epochOrder(this.#set.count, seed, epoch);
    for (let k = 0; k < this.length; k++) {
      yield this.#take(order.subarray(k * batchSize, (k + 1) * batchSize));
    }
  }

  #take(indices: Uint32Array): HostTensors<Name> {
    const values = this.#mapFields(({ values: all, shape }) => {
      const size = sizeOf(shape);
      const out = all.slice(0, indices.length * size);
      indices.forEach((index, i) => {
        out.set(all.subarray(index * size, (index + 1) * size), i * size);
      });
      return out;
    });
    return { count: indices.length, values, indices };
  }

  feed(count: number): Feed<HostTensors<Name>, TensorBatch<Name>> {
    const tensors = this.#mapFields(({ values, shape }, name) => {
      const dtype = values instanceof Float32Array ? "f32" : "u32";
      return empty(this.#device, [count, ...shape], dtype, `batch of ${name}`).keep();
    });
    const named = Object.entries<Tensor>(tensors) as [Name, Tensor][];
    return {
      write: ({ values }) => {
        for (const [name, tensor] of named) tensor.write(values[name]);
      },
      batch: () => tensors,
      release: () => {
        for (const [, tensor] of named) tensor.release();
      },
    };
  }

  #mapFields<T>(make: (field: TensorField, name: Name) => T): Record<Name, T> {
    const named = Object.entries<TensorField>(this.#set.fields) as [Name, TensorField][];
    return Object.fromEntries(named.map(([name, f]) => [name, make(f, name)])) as Record<Name, T>;
  }
}
