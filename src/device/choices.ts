/** Which of a kernel's variants a device runs for one class of shapes, and why. */
export interface KernelChoice {
  /** Operation and shapes: calls of one class run the same variant. */
  readonly shapeClass: string;
  readonly variant: string;
  /**
   * "cost model": the least of the estimates in `cycles`; "preset": what suits the kind of adapter;
   * "tuned": it was measured to be faster; "forced": the device was opened with it.
   */
  readonly reason: "cost model" | "preset" | "tuned" | "forced";
  /** What there is to choose from. */
  readonly variants: readonly string[];
  /** The cost model's estimates, in cycles of one thread. */
  readonly cycles?: Readonly<Record<string, number>>;
}
