import type { Tensor } from "../../src/tensor/tensor.js";

/** A tensor's values as a plain array; of a missing tensor, undefined. */
export const floats = async (x: Tensor | undefined): Promise<number[] | undefined> =>
  x && Array.from(await x.read());
