import { createHash, randomBytes } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A file that could not be written; the message names it, `cause` is the system's error. */
export class FileWriteError extends Error {
  override name = "FileWriteError";

  constructor(path: string, cause: unknown) {
    super(`cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/**
 * Writes a file so that others see its old content or its new, never a part: to a temporary file
 * beside it, to the disk, then renamed. Node only.
 *
 * @throws FileWriteError when the disk is full or refuses; the old content is still there then
 */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new FileWriteError(path, error);
  }
}

/** Whether a folder's entry is what a process that died inside `writeAtomically` left. */
export const isTemporary = (name: string): boolean => /\.[0-9a-f]{12}\.tmp$/.test(name);

/** Removes what dead processes left of the named files; nobody may be writing them. */
export async function removeTemporaries(folder: string, names: readonly string[]): Promise<void> {
  for (const entry of await readdir(folder)) {
    const name = basename(entry.slice(0, -".0123456789ab.tmp".length));
    if (isTemporary(entry) && names.includes(name)) await rm(join(folder, entry), { force: true });
  }
}

/** What a file system answers that cannot sync a folder, such as many network ones. */
const cannotSync = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EPERM", "EISDIR"]);

/** Makes a rename durable where that is possible. Windows cannot open directories. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } catch (error) {
    if (!cannotSync.has(codeOf(error) ?? "")) throw error;
  } finally {
    await directory.close();
  }
}

/** The system's code of an error, such as "ENOENT". */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;

/** True for the error that a missing file gives. */
export const isMissing = (error: unknown): boolean => codeOf(error) === "ENOENT";

/** SHA-256 of a file's content, in lower-case hex. */
export const fileHash = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");
