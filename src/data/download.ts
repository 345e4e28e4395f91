import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface DownloadOptions {
  /** The file's MD5: 32 hex digits. */
  md5: string;
  /** Called with the bytes that are there and the file's size, where the server tells it. */
  onProgress?: (received: number, total: number | null) => void;
  /** Failures in a row without a new byte before giving up (default 5). */
  retries?: number;
  /** Milliseconds before the second try; doubled after each further one (default 1000). */
  retryDelay?: number;
  signal?: AbortSignal;
}

/** What the server said is final: trying again will not help. */
class FinalError extends Error {}

/**
 * Downloads `url` to `file`. Bytes go to `file.part`, where a later call goes on if this one breaks
 * off; `file` appears once it is whole and its checksum right. A file that is there already and has
 * the right checksum is kept without asking the server. Node only.
 * @throws Error that names the URL: the server's refusal, the last failure, or both checksums;
 *   RangeError for a checksum that is none, before anything is fetched
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
  const { retries = 5, retryDelay = 1000, signal } = options;
  const md5 = checkedMd5(url, options.md5);
  if ((await sizeOf(file)) > 0 && (await md5Of(file)) === md5) return;
  const part = `${file}.part`;
  await mkdir(dirname(file), { recursive: true });
  for (let failures = 0; ; ) {
    const before = await sizeOf(part);
    try {
      await fetchRest(url, part, before, options);
      break;
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof FinalError) throw cause;
      failures = (await sizeOf(part)) > before ? 1 : failures + 1;
      if (failures > retries) {
        throw new Error(
          `download of ${url} failed ${failures} times in a row (${reasonOf(cause)}); ` +
            `${await sizeOf(part)} bytes are kept, run it again to go on from there`,
          { cause },
        );
      }
      await delay(
        retryDelay * 2 ** (failures - 1),
        undefined,
        signal === undefined ? {} : { signal },
      );
    }
  }
  const found = await md5Of(part);
  if (found !== md5) {
    await rm(part);
    throw new Error(
      `download of ${url}: the file has MD5 ${found}, expected ${md5}; it was removed, run it again`,
    );
  }
  await rename(part, file);
}

/** A wrong checksum would show only once everything is there, and throw it away. */
function checkedMd5(url: string, md5: string): string {
  if (/^[0-9a-f]{32}$/i.test(md5)) return md5.toLowerCase();
  throw new RangeError(`download of ${url}: the MD5 is ${md5}, expected 32 hex digits`);
}

/** Appends what is missing of `url` to `part`, which has `offset` bytes. */
async function fetchRest(
  url: string,
  part: string,
  offset: number,
  { onProgress, signal }: DownloadOptions,
): Promise<void> {
  const response = await fetch(url, {
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    ...(signal === undefined ? {} : { signal }),
  });
  const contentRange = response.headers.get("content-range") ?? "";
  if (response.status === 416) {
    await response.body?.cancel();
    if (contentRange === `bytes */${offset}`) return;
    await rm(part);
    throw new Error("the part kept from before is longer than the file");
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const message = `download of ${url}: the server answers ${response.status} ${response.statusText}`;
    const passing = response.status >= 500 || response.status === 429 || response.status === 408;
    throw passing ? new Error(message) : new FinalError(message);
  }
  const resumed = response.status === 206;
  if (resumed && !contentRange.startsWith(`bytes ${offset}-`)) {
    await response.body.cancel();
    throw new FinalError(
      `download of ${url}: asked for bytes from ${offset}, the server sends ${contentRange}`,
    );
  }
  let received = resumed ? offset : 0;
  const length = response.headers.get("content-length");
  const total = length === null ? null : received + Number(length);
  const target = await open(part, resumed ? "a" : "w");
  try {
    const reader = response.body.getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      await target.writeFile(read.value);
      received += read.value.length;
      onProgress?.(received, total);
    }
  } finally {
    await target.close();
  }
  if (total !== null && received !== total) {
    throw new Error(`the connection ended after ${received} of ${total} bytes`);
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** fetch says "fetch failed" or "terminated"; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
