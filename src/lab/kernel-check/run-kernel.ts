import type { Device } from "../../device/device.js";
import type { KernelCalls, KernelName } from "../../device/kernels.js";
import { alignElements, byteOffset, type Slice, sliceAlignment } from "../../device/storage.js";
import { halfToNumber } from "../../io/small-floats.js";
import { HalfArray, numberToHalf } from "./half-array.js";
import {
  arraysOf,
  cloneCall,
  type HostArray,
  type HostCall,
  isHostArray,
  substitute,
} from "./host-call.js";

function encode(array: HostArray): Float32Array | Uint32Array {
  if (array instanceof Uint32Array) return array;
  if (!(array instanceof HalfArray)) return Float32Array.from(array);
  const bits = new Uint16Array(2 * wordsOf(array)).fill(halfGuard);
  bits.set(Uint16Array.from(array, numberToHalf));
  return new Uint32Array(bits.buffer);
}

function decode(array: HostArray, bytes: ArrayBuffer, at: number): ArrayLike<number> {
  if (array instanceof Uint32Array) return new Uint32Array(bytes, at, array.length);
  if (!(array instanceof HalfArray)) return new Float32Array(bytes, at, array.length);
  const bits = new Uint16Array(bytes, at, 2 * wordsOf(array));
  if (array.length % 2 === 1 && bits[array.length] !== halfGuard) {
    throw new Error("a kernel wrote the half beside its slice's last one");
  }
  return Float64Array.from(bits.subarray(0, array.length), halfToNumber);
}

/** Words that hold the array; after an odd number of halves a guard fills the last one up. */
const wordsOf = (array: HostArray): number =>
  array instanceof HalfArray ? Math.ceil(array.length / 2) : array.length;

/** The bits of 12345.5, and of a half. */
const guard = 0x4640e600;
const halfGuard = 0x4a77;

/** A storage that holds several arrays, each between guards that no kernel may touch. */
class Block {
  readonly slices = new Map<HostArray, Slice>();
  readonly #device: Device;
  readonly #words: number;
  readonly #storage: Slice["storage"];

  constructor(device: Device, arrays: readonly HostArray[], lead: number) {
    this.#device = device;
    const offsets: number[] = [];
    let end = lead * sliceAlignment;
    for (const array of arrays) {
      offsets.push(end);
      end += alignElements(wordsOf(array)) + sliceAlignment;
    }
    this.#words = end;
    this.#storage = device.allocate(4 * end, "a kernel's operands");
    const content = new Uint32Array(end).fill(guard);
    arrays.forEach((array, i) => {
      const offset = offsets[i] ?? 0;
      content.set(new Uint32Array(encode(array).buffer, 0, wordsOf(array)), offset);
      const { length } = array;
      const storage = this.#storage;
      const slice: Slice =
        array instanceof HalfArray
          ? { storage, offset: 2 * offset, length, type: "f16" }
          : { storage, offset, length };
      this.slices.set(array, slice);
    });
    device.write({ storage: this.#storage, offset: 0, length: end }, content);
  }

  /** Reads the block back into its arrays, after checking the guards. */
  async read(): Promise<void> {
    const bytes = await this.#device.read({
      storage: this.#storage,
      offset: 0,
      length: this.#words,
    });
    const content = new Uint32Array(bytes, 0, this.#words);
    let next = 0;
    const guarded = (until: number): void => {
      for (let i = next; i < until; i++) {
        if (content[i] === guard) continue;
        throw new Error(`a kernel wrote outside its slice, ${until - i} words before ${until}`);
      }
    };
    for (const [array, slice] of this.slices) {
      const offset = byteOffset(slice) / 4;
      guarded(offset);
      array.set(decode(array, bytes, 4 * offset));
      next = offset + wordsOf(array);
    }
    guarded(this.#words);
  }
}

/** Fields that share one storage, as the layers above lay them out: parameters, gradients, state. */
const shared: Partial<Record<KernelName, readonly (readonly string[])[]>> = {
  batchNorm: [
    ["gamma", "beta"],
    ["runningMean", "runningVar"],
  ],
  batchNormInference: [
    ["gamma", "beta"],
    ["runningMean", "runningVar"],
  ],
  batchNormBackward: [["dgamma", "dbeta"]],
  matmul: [["b", "bias"]],
};

/**
 * Runs a kernel on copies of the call's arrays and returns them with what the kernel wrote.
 * `shift` moves the offsets of the slices within their storages.
 */
export async function runKernel<K extends KernelName>(
  device: Device,
  kernel: K,
  call: HostCall<K>,
  shift = 0,
): Promise<HostCall<K>> {
  const result = cloneCall<K>(call);
  const fields = result as Record<string, unknown>;
  const groups = (shared[kernel] ?? [])
    .map((names) => names.map((n) => fields[n]).filter(isHostArray))
    .filter((arrays) => arrays.length > 1);
  const grouped = new Set(groups.flat());
  const alone = arraysOf(result).filter((array) => !grouped.has(array));
  const enqueue = (): Promise<void>[] => {
    using _scope = device.scope();
    const blocks = [...groups, ...alone.map((array) => [array])].map(
      (arrays, i) => new Block(device, arrays, (i + shift) % 3),
    );
    const slices = new Map(blocks.flatMap((block) => [...block.slices]));
    device.run(kernel, substitute(result, (array) => slices.get(array)) as KernelCalls[K]);
    return blocks.map((block) => block.read());
  };
  await Promise.all(enqueue());
  return result;
}

/** Enqueues the call on memory as it is, for a device that only records what it would run. */
export function enqueueUnfilled<K extends KernelName>(
  device: Device,
  kernel: K,
  call: HostCall<K>,
): void {
  using _ = device.scope();
  const slices = new Map<HostArray, Slice>();
  for (const array of arraysOf(call)) {
    const storage = device.allocate(4 * array.length, "a kernel's operands");
    const half = array instanceof HalfArray ? ({ type: "f16" } as const) : {};
    slices.set(array, { storage, offset: 0, length: array.length, ...half });
  }
  device.run(kernel, substitute(call, (array) => slices.get(array)) as KernelCalls[K]);
}
