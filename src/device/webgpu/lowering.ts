import type { Slice } from "../storage.js";

/**
 * A WGSL module and its entry point. In front of its text the device puts `enable` lines
 * and the dispatch's constants, so that array and workgroup sizes can depend on them.
 */
export interface Shader {
  /** Its name in errors, profiles and the pipeline cache; unique. */
  readonly name: string;
  readonly text: string;
  /** The function to run; default "main". Modules of one text may differ in it. */
  readonly entry?: string;
  readonly enables?: readonly WgslExtension[];
}

export type WgslExtension = "f16" | "subgroups" | "chromium_experimental_subgroup_matrix";

/** A shader joined from parts: shared pieces first, then its own text. */
export const shader = (name: string, ...parts: readonly string[]): Shader => ({
  name,
  text: parts.join("\n"),
});

/** "read" is `var<storage, read>`, "write" is `var<storage, read_write>` (also for in-place). */
export interface Binding {
  readonly slice: Slice;
  readonly access: "read" | "write";
}

export const reads = (slice: Slice): Binding => ({ slice, access: "read" });
export const writes = (slice: Slice): Binding => ({ slice, access: "write" });

/** Compile-time constants: `const NAME = value;`, or for a string `alias NAME = value;`. */
export type Constants = Readonly<Record<string, number | boolean | string>>;

/** One dispatch of one pipeline. */
export interface Dispatch {
  readonly shader: Shader;
  readonly constants?: Constants;
  /**
   * `@group(0) @binding(1)` and up, in this order. A storage may be bound several times for
   * reading, or once for writing. A binding covers its slice rounded up to 16 bytes, so arrays of
   * vec4f can be read at any length; kernels take lengths from `params`, never from arrayLength,
   * and write no element beyond them.
   */
  readonly bindings: readonly Binding[];
  /** 32-bit words (floats by `float32Bits`) of the uniform struct at `@binding(0)`; none if absent. */
  readonly params?: readonly number[];
  /**
   * Workgroups. A plain number may exceed a dimension's limit: it is folded into y, and the shader
   * restores the index by `groupIndex` (shaders/group.wgsl) and checks it against its own bound.
   */
  readonly workgroups: number | readonly [x: number, y: number, z: number];
}

/** A kernel call of which several variants exist. */
export interface Tunable {
  /** Operation and shape class: calls of one class run the same variant. */
  readonly shapeClass: string;
  /** The variants this adapter can run, and the one it runs untuned. */
  readonly names: readonly string[];
  readonly preset: string;
  /** Slices like those that `run` takes. */
  readonly operands: readonly Slice[];
  readonly flops: number;
  run(gpu: GpuLowering, variant: string, operands: readonly Slice[]): void;
}

export interface Variants {
  /** The variant to run. `describe` is called where somebody wants to know more. */
  choose(shapeClass: string, describe: () => Tunable): string | undefined;
  /** Takes note of what a call runs. */
  ran(shapeClass: string, variant: string, preset: string): void;
}

/** What lowerings depend on of the adapter. */
export interface AdapterTraits {
  /** WebGPU's optional features the device was opened with. */
  readonly features: ReadonlySet<string>;
  readonly maxWorkgroupStorageBytes: number;
  readonly maxWorkgroupInvocations: number;
  /** Largest number of workgroups in one dimension. */
  readonly maxWorkgroups: number;
  /**
   * Elements (of V) a lane of a memory-bound kernel takes: more on a software adapter, which pays
   * for every workgroup and gains nothing from many threads.
   */
  readonly itemsPerLane: number;
  /** Whether the adapter runs on the processor. */
  readonly software: boolean;
  /** Width of every subgroup; 0 without the feature, or where it may differ between shaders. */
  readonly subgroupSize: number;
  /** Shapes that matrix units multiply with sums in f32, such as "f16 16x16x16" (m, n, k). */
  readonly subgroupMatrices: readonly string[];
}

/** What a kernel call may ask of the device while it is lowered to dispatches. */
export interface GpuLowering extends AdapterTraits {
  /** Which of a kernel's variants to run: the choices measured or forced, see autotune.ts. */
  readonly variants: Variants;
  /** Scratch memory that lasts for the dispatches of this call. */
  scratch(elements: number): Slice;
  dispatch(dispatch: Dispatch): void;
}
