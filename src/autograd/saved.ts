import type { CaptureLog } from "../device/capture-log.js";
import { GradientError, ReleasedError } from "../device/errors.js";
import { byteLength, byteOffset } from "../device/storage.js";
import { now, WriteLog } from "../device/write-log.js";
import type { SavedTensor, Tensor } from "../tensor/tensor.js";

/**
 * A tensor that a backward pass will read, and when it was saved: whatever writes to its part of
 * its storage later makes it useless. A tensor saved in a capture is saved anew by each replay.
 */
export class Saved implements SavedTensor {
  readonly tensor: Tensor;
  readonly capture: CaptureLog | undefined;
  readonly #at = now();

  constructor(tensor: Tensor) {
    this.tensor = tensor;
    this.capture = tensor.device.capturing;
    tensor.slice.storage.writes ??= new WriteLog();
  }

  check(op: string): void {
    const { tensor } = this;
    if (!tensor.live) {
      const by = tensor.node?.spent
        ? "a backward with release: true gave it back; leave release out of that one"
        : "release it, or end its scope, after the backward pass";
      throw new ReleasedError(
        `backward: ${op} needs ${tensor.describe()}, which was released after the forward pass: ${by}`,
      );
    }
    if (this.#overwritten()) {
      throw new GradientError(
        `backward: ${op} needs ${tensor.describe()}, which was overwritten after the forward ` +
          "pass (by write, a step, loadStateDict or a kernel in place): call backward before that",
      );
    }
  }

  #overwritten(): boolean {
    const { capture } = this;
    const { slice, device } = this.tensor;
    const { storage } = slice;
    const from = byteOffset(slice);
    const to = from + byteLength(slice);
    const at = this.#at;
    // Within one recording the order of the commands counts, whenever they are replayed.
    if (capture?.writesAfter(storage, from, to, at)) return true;
    if (device.capturing?.writesAfter(storage, from, to, at)) return true;
    const since = Math.max(at, capture?.replayedAt ?? 0);
    return storage.writes?.since(from, to, since, capture) ?? false;
  }
}
