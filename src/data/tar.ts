import { describe } from "../io/describe.js";
import { FileFormatError, reading } from "../io/file-format-error.js";

const BLOCK = 512;

export interface TarEntry {
  /** Path inside the archive. */
  readonly path: string;
  readonly data: Uint8Array;
}

/** Kinds of entries that are read; hard and symbolic links, folders and devices are passed over. */
const FILE = ["\0", "0", "7"];
const PAX = "x";
const PAX_FOR_ALL = "g";
const LONG_PATH = "L";

/**
 * The regular files of an unpacked tar archive (ustar, with pax's and GNU's long paths; entries of
 * other kinds are passed over). An archive ends with a block of zeros and nothing but zeros after it.
 * @throws FileFormatError when a header is damaged, a size is none (negative, or in GNU's base 256,
 *   which is for files of 8 GiB and more), or the archive is cut off, even between two files
 */
export function* tarEntries(archive: Uint8Array): Generator<TarEntry, void, void> {
  let longPath: string | undefined;
  for (let at = 0; ; ) {
    const here = at;
    const entry = reading("tar", undefined, () => readEntry(archive, here));
    if (entry === undefined) return;
    const { kind, path, data } = entry;
    if (kind === PAX || kind === PAX_FOR_ALL) {
      const found = reading("tar", undefined, () => paxPath(data, here));
      if (kind === PAX) longPath = found ?? longPath;
    } else if (kind === LONG_PATH) {
      longPath = latin1.decode(data.slice()).replace(/\0.*$/s, "");
    } else {
      if (FILE.includes(kind)) yield { path: longPath ?? path, data };
      longPath = undefined;
    }
    at = entry.end;
  }
}

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder();

function fail(message: string, position: number): never {
  throw new FileFormatError(`tar: ${message}`, { position });
}

/** The entry whose header lies at a byte, or undefined at the archive's end mark. */
function readEntry(
  archive: Uint8Array,
  at: number,
): { kind: string; path: string; data: Uint8Array; end: number } | undefined {
  const header = archive.slice(at, at + BLOCK);
  if (header.length < BLOCK) {
    fail(
      `the archive ends at byte ${archive.length} without its end mark, a block of zeros; ` +
        "it is cut off",
      at,
    );
  }
  if (header.every((byte) => byte === 0)) {
    const stray = archive.subarray(at).findIndex((byte) => byte !== 0);
    if (stray < 0) return undefined;
    fail(`the archive goes on at byte ${at + stray}, after its end mark; it is damaged`, at);
  }
  const text = (from: number, length: number) =>
    latin1.decode(header.subarray(from, from + length)).replace(/\0.*$/s, "");
  // The checksum's own eight bytes count as spaces.
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== octal(text(148, 8))) {
    fail(`the header at byte ${at} has a wrong checksum; the archive is damaged`, at);
  }
  const prefix = text(257, 6).startsWith("ustar") ? text(345, 155) : "";
  const path = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  if ((header[124] as number) & 0x80) {
    fail(
      `the size of ${describe(path)} is in base 256, as of files of 8 GiB and more, which are not read; ` +
        "pack smaller files, with tar --format=ustar",
      at + 124,
    );
  }
  const size = octal(text(124, 12));
  if (size === undefined) {
    fail(
      `the size of ${describe(path)} is ${describe(text(124, 12))}, not an octal number`,
      at + 124,
    );
  }
  const begin = at + BLOCK;
  if (begin + size > archive.length)
    fail(`the archive ends within ${describe(path)} (${size} bytes)`, begin);
  const kind = String.fromCharCode(header[156] as number);
  const end = begin + Math.ceil(size / BLOCK) * BLOCK;
  return { kind, path, data: archive.subarray(begin, begin + size), end };
}

/** A number of octal digits between spaces; nothing at all is 0, as old archives have it. */
function octal(field: string): number | undefined {
  const digits = field.trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : undefined;
}

/** The path among pax's records, "LENGTH KEY=VALUE\n" each; a size among them is refused. */
function paxPath(data: Uint8Array, at: number): string | undefined {
  let path: string | undefined;
  for (let begin = 0; begin < data.length; ) {
    const length = Number(
      /^[1-9]\d{0,8}(?= )/.exec(latin1.decode(data.slice(begin, begin + 10)))?.[0],
    );
    const record = data.slice(begin, begin + length);
    const [, key, value] = /^\d+ ([^=]+)=(.*)\n$/s.exec(utf8.decode(record)) ?? [];
    if (record.length !== length || key === undefined) {
      fail(`the extended header at byte ${at} is damaged`, at);
    }
    if (key === "size") fail(`the extended header at byte ${at} has sizes, which are not read`, at);
    if (key === "path") path = value;
    begin += length;
  }
  return path;
}
