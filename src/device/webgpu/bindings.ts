import type { DeviceCounters } from "../device.js";
import { DeviceValidationError } from "../errors.js";
import { byteLength, byteOffset, bytesPerElement } from "../storage.js";
import type { Binding, Dispatch } from "./lowering.js";
import { blockOf, type GpuBlock, usage } from "./memory.js";
import type { Pipeline } from "./pipelines.js";

/** WebGPU's alignment of uniform buffer offsets, and room for 64 words. */
const slotBytes = 256;
const arenaSlots = 256;
/** Beyond this many parameter sets or bind groups the cache starts over. */
const maxEntries = 16_384;

interface Slot {
  readonly id: number;
  readonly resource: GPUBufferBinding;
}

/** A bind group, and what it takes to make it anew when a block has got another buffer. */
export interface BoundGroup {
  group: GPUBindGroup;
  /** In the order of the bindings. */
  readonly blocks: readonly GpuBlock[];
  /** Of each block when the group was made. */
  buffers: readonly GPUBuffer[];
  create(): GPUBindGroup;
}

/**
 * Bind groups by layout, blocks, offsets and parameters. A parameter set is written once to a
 * uniform slot of its own, found again by content and never rewritten: a steady step creates nothing.
 */
export class BindGroups {
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #arenas: GPUBuffer[] = [];
  #slots = new Map<string, Slot>();
  #groups = new Map<string, BoundGroup>();

  constructor(device: GPUDevice, counters: DeviceCounters) {
    this.#device = device;
    this.#counters = counters;
  }

  get(dispatch: Dispatch, pipeline: Pipeline): BoundGroup {
    const slot = dispatch.params ? this.#slot(dispatch.params) : undefined;
    let key = `${pipeline.layoutKey}${slot ? slot.id : ""}`;
    for (const { slice } of dispatch.bindings) {
      const { id } = blockOf(slice, dispatch.shader.name);
      key += `,${id}:${slice.offset}:${slice.length}${slice.type ?? ""}`;
    }
    let bound = this.#groups.get(key);
    if (!bound) {
      if (this.#groups.size >= maxEntries) this.#groups = new Map();
      bound = this.#bind(dispatch, pipeline, slot);
      this.#groups.set(key, bound);
    }
    return bound;
  }

  /** Makes a group anew if one of its blocks has got another buffer. */
  refresh(bound: BoundGroup): void {
    const buffers = bound.blocks.map(({ buffer }) => buffer);
    if (buffers.every((buffer, i) => buffer === bound.buffers[i])) return;
    bound.group = bound.create();
    bound.buffers = buffers;
  }

  /** Forgets every bind group, so that none holds a destroyed buffer. */
  clear(): void {
    this.#groups = new Map();
  }

  destroyAll(): void {
    this.clear();
    this.#slots = new Map();
    for (const arena of this.#arenas.splice(0)) arena.destroy();
  }

  #bind(dispatch: Dispatch, pipeline: Pipeline, slot: Slot | undefined): BoundGroup {
    checkAliasing(dispatch);
    const { name: label, layout } = pipeline;
    const bindings = dispatch.bindings.map(({ slice }, i) => ({
      binding: i + 1,
      block: blockOf(slice, pipeline.name),
      offset: byteOffset(slice),
      size: Math.ceil(slice.length / 4) * 4 * bytesPerElement(slice),
    }));
    const create = (): GPUBindGroup => {
      const entries: GPUBindGroupEntry[] = bindings.map(({ binding, block, offset, size }) => ({
        binding,
        resource: { buffer: block.buffer, offset, size },
      }));
      if (slot) entries.push({ binding: 0, resource: slot.resource });
      this.#counters.bindGroupsCreated++;
      return this.#device.createBindGroup({ label, layout, entries });
    };
    const blocks = bindings.map(({ block }) => block);
    return { group: create(), blocks, buffers: blocks.map(({ buffer }) => buffer), create };
  }

  #slot(params: readonly number[]): Slot {
    const key = params.join();
    const known = this.#slots.get(key);
    if (known) return known;
    if (this.#slots.size >= maxEntries) {
      // Recorded and pending bind groups keep the old arenas alive for as long as they need them.
      this.#slots = new Map();
      this.#groups = new Map();
      this.#arenas.length = 0;
    }
    const id = this.#slots.size;
    const index = id % arenaSlots;
    if (index === 0) this.#arenas.push(this.#newArena());
    const buffer = this.#arenas.at(-1) as GPUBuffer;
    const words = Uint32Array.from(params, (word) => word >>> 0);
    const size = Math.ceil(words.length / 4) * 16;
    if (size > slotBytes) throw new DeviceValidationError(`${words.length} parameters exceed 64`);
    const offset = index * slotBytes;
    // Ahead of the pending encoder, which is right: no earlier command reads this slot.
    this.#device.queue.writeBuffer(buffer, offset, words);
    const slot = { id, resource: { buffer, offset, size } };
    this.#slots.set(key, slot);
    return slot;
  }

  #newArena(): GPUBuffer {
    const size = slotBytes * arenaSlots;
    this.#counters.buffersCreated++;
    this.#counters.bytesReserved += size;
    return this.#device.createBuffer({
      label: "params",
      size,
      usage: usage.uniform | usage.copyDst,
    });
  }
}

/**
 * WebGPU forbids a buffer bound for writing to be bound again in the same dispatch, even on other
 * bytes, unless both write and their ranges are disjoint.
 */
function checkAliasing(dispatch: Dispatch): void {
  const overlap = (a: Binding, b: Binding): boolean =>
    byteOffset(a.slice) < byteOffset(b.slice) + byteLength(b.slice) &&
    byteOffset(b.slice) < byteOffset(a.slice) + byteLength(a.slice);
  for (const [i, a] of dispatch.bindings.entries()) {
    for (const b of dispatch.bindings.slice(i + 1)) {
      if (a.slice.storage !== b.slice.storage) continue;
      if (a.access === "read" && b.access === "read") continue;
      if (a.access === "write" && b.access === "write" && !overlap(a, b)) continue;
      throw new DeviceValidationError(
        `${dispatch.shader.name} reads and writes one storage, "${a.slice.storage.label}", in one ` +
          `dispatch; put what is written into a storage of its own`,
      );
    }
  }
}
