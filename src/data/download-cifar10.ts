import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { FileFormatError } from "../io/file-format-error.js";
import { CIFAR10_FILES } from "./cifar10.js";
import { type DownloadOptions, download } from "./download.js";
import { tarEntries } from "./tar.js";

export const CIFAR10_ARCHIVE = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
  md5: "c32a1d4ab5d03f1284b67883e8d87530",
} as const;

export type Cifar10DownloadOptions = Partial<DownloadOptions> & {
  /** Where the archive lies; a mirror's address with the same checksum, or another `md5`. */
  url?: string;
};

/**
 * Downloads the official CIFAR-10 archive (170 MB) and unpacks it (184 MB). Breaks are resumed, also
 * by a later call; a folder that is complete is kept as it is. Node only.
 * @param parent where `cifar-10-batches-bin` is put
 * @returns the path of `cifar-10-batches-bin`, for `cifar10(directory(path))`
 * @throws Error as `download` does, or when the archive lacks a file; FileFormatError when it is
 *   damaged
 */
export async function downloadCifar10(
  parent: string,
  options: Cifar10DownloadOptions = {},
): Promise<string> {
  const { url, ...rest } = { ...CIFAR10_ARCHIVE, ...options };
  const folder = join(parent, "cifar-10-batches-bin");
  const wanted = [CIFAR10_FILES.classes, ...CIFAR10_FILES.train, ...CIFAR10_FILES.test];
  const present = new Set(await readdir(folder).catch(() => []));
  if (wanted.every((name) => present.has(name))) return folder;
  const archive = join(parent, "cifar-10-binary.tar.gz");
  await download(url, archive, rest);
  await unpack(archive, wanted, folder);
  await rm(archive);
  return folder;
}

/** Puts the wanted files into `folder`, each under its name only once it is whole. */
async function unpack(archive: string, wanted: readonly string[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const missing = new Set(wanted);
  for (const { path, data } of tarEntries(await unzip(archive))) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!missing.delete(name)) continue;
    const target = join(folder, name);
    await writeFile(`${target}.part`, data);
    await rename(`${target}.part`, target);
  }
  if (missing.size > 0) {
    throw new Error(`CIFAR-10: the archive ${archive} lacks ${[...missing].join(", ")}`);
  }
}

/** More than twice what the archive holds; an archive that grows beyond is another one. */
const MOST_UNPACKED = 2 ** 29;

async function unzip(archive: string): Promise<Uint8Array> {
  const packed = await readFile(archive);
  try {
    return await promisify(gunzip)(packed, { maxOutputLength: MOST_UNPACKED });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FileFormatError(
      `CIFAR-10: ${archive} cannot be unpacked (${reason}); it is no gzip file of at most ` +
        `${MOST_UNPACKED} bytes: remove it and download it again`,
      { cause },
    );
  }
}
