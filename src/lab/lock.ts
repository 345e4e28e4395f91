import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMissing, lockFile } from "./files.js";
import { RunDirectoryError } from "./run-directory.js";

/**
 * Keeps other processes out of a run directory until the returned function is called. A lock whose
 * process is gone is taken over. Node only.
 *
 * @throws RunDirectoryError when another process works there
 */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  await mkdir(path, { recursive: true });
  const file = join(path, lockFile);
  const take = () => writeFile(file, `${process.pid}\n`, { flag: "wx" });
  try {
    await take();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const holder = await holderOf(file);
    if (holder !== null && isAlive(holder)) {
      throw new RunDirectoryError(
        `process ${holder} is working in ${path}; wait for it, or choose another --out (if that ` +
          `process is none of this program's, delete ${file})`,
      );
    }
    await rm(file, { force: true });
    await take();
  }
  return () => rm(file, { force: true });
}

async function holderOf(file: string): Promise<number | null> {
  try {
    const id = Number.parseInt(await readFile(file, "utf8"), 10);
    return id > 0 ? id : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
