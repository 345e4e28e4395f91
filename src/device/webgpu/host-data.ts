import { LimitError } from "../errors.js";
import { byteLength, type Slice } from "../storage.js";

/** Throws unless `data` is whole words that fit the slice. */
export function checkWrite(target: Slice, data: ArrayBufferView): void {
  if (data.byteLength % 4 || data.byteLength > byteLength(target)) {
    throw new LimitError(
      `write of ${data.byteLength} bytes to "${target.storage.label}", a slice of ` +
        `${byteLength(target)} bytes; give a multiple of 4 that fits`,
    );
  }
}

/** Dawn's Node binding takes no shared memory, so that is copied. */
export function unshared(data: ArrayBufferView): ArrayBufferView<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = data;
  if (buffer instanceof ArrayBuffer) return data as ArrayBufferView<ArrayBuffer>;
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
