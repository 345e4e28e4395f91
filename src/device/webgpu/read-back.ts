import { byteLength, type Slice } from "../storage.js";
import type { Faults } from "./faults.js";
import { mapRead, type Staging } from "./memory.js";
import type { CommandStream } from "./stream.js";

/** The bytes of a slice after everything enqueued before; throws what went wrong on the way. */
export async function readBack(
  source: Slice,
  stream: CommandStream,
  buffers: Staging,
  faults: Faults,
): Promise<ArrayBuffer> {
  const period = faults.begin();
  const bytes = byteLength(source);
  if (bytes === 0) {
    await faults.reported;
    faults.check(period);
    return new ArrayBuffer(0);
  }
  const staging = buffers.take(bytes);
  stream.copyOut(source, staging);
  stream.submit();
  try {
    await Promise.all([staging.mapAsync(mapRead, 0, bytes), faults.reported]);
  } catch (cause) {
    return faults.explain(cause, period);
  }
  const data = staging.getMappedRange(0, bytes).slice(0);
  staging.unmap();
  buffers.giveBack(staging);
  faults.check(period);
  return data;
}
