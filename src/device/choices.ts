/** Which of a kernel's variants a device runs for one class of shapes, and why. */
export interface KernelChoice {
  /** Operation and shapes: calls of one class run the same variant. */
  readonly shapeClass: string;
  readonly variant: string;
  /**
   * "cost model": the least of the estimates in `cycles`; "preset": what suits the kind of adapter;
   * "tuned": it was measured to be faster; "forced": the device was opened with it, or told to run
   * what an earlier run ran.
   */
  readonly reason: "cost model" | "preset" | "tuned" | "forced";
  /** What there is to choose from. */
  readonly variants: readonly string[];
  /** The cost model's estimates, in cycles of one thread. */
  readonly cycles?: Readonly<Record<string, number>>;
}

/** Which variant to run, or which one ran, by shape class. */
export type VariantMap = Readonly<Record<string, string>>;

/** What `Device.noteVariants` notes. */
export interface VariantNotes extends Disposable {
  /** Of each shape class that ran, the variant, and the preset where that was another. */
  readonly ran: ReadonlyMap<string, { readonly variant: string; readonly preset: string }>;
}
