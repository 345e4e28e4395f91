import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Lock, LockHeldError, takeLock } from "../files/lock.js";
import { lockFolder, RunDirectoryError } from "./run-directory.js";

/**
 * Keeps other processes out of a run directory, which is made if need be. The lock of a process
 * that is gone is taken over. Node only.
 *
 * @throws RunDirectoryError when another process works there
 */
export async function lockDirectory(path: string): Promise<Lock> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new RunDirectoryError(
      `cannot make ${path}: ${(cause as Error).message}; choose another --out`,
      { cause },
    );
  }
  try {
    return await takeLock(join(path, lockFolder));
  } catch (cause) {
    if (!(cause instanceof LockHeldError)) throw cause;
    throw new RunDirectoryError(
      `${cause.holder} is working in ${path}; wait for it, or choose another --out`,
      { cause },
    );
  }
}
