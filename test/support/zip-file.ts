import { crc32 } from "node:zlib";
import { concat, text, u16, u32, u64 } from "./bytes.js";

export interface ZipPart {
  readonly name: string;
  readonly content: ArrayLike<number>;
  /** Instead of what belongs there. */
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly localName?: string;
}

export interface ZipMaking {
  /** Sizes and places in 64 bits, as large archives have them. */
  readonly zip64?: boolean;
  /** After the directory. */
  readonly comment?: string;
  /** Entries that the directory claims, when not those that it has. */
  readonly count?: number;
}

const ALL = 0xffffffff;

/** A zip archive of stored entries, with nothing of the reader in it. */
export function zipFile(parts: readonly ZipPart[], { zip64, comment = "", count }: ZipMaking = {}) {
  const local: number[][] = [];
  const directory: number[][] = [];
  let at = 0;
  for (const { name, content, crc, method = 0, flags = 0, localName = name } of parts) {
    const [bytes, size] = [text(name), content.length];
    const sum = crc ?? crc32(Uint8Array.from(content));
    const wide = zip64 ? [...u16(1, 16), ...u64(size, size)] : [];
    const sizes = zip64 ? u32(ALL, ALL) : u32(size, size);
    const version = [...u16(flags, method, 0, 0), ...u32(sum), ...sizes];
    const header = [
      ...[...u32(0x04034b50), ...u16(45), ...version],
      ...[...u16(text(localName).length, wide.length), ...text(localName), ...wide],
    ];
    const far = zip64 ? [...u16(1, 24), ...u64(size, size, at)] : [];
    directory.push([
      ...[...u32(0x02014b50), ...u16(45, 45), ...version],
      ...[...u16(bytes.length, far.length, 0, 0, 0), ...u32(0, zip64 ? ALL : at), ...bytes, ...far],
    ]);
    local.push(header, Array.from(content));
    at += header.length + size;
  }
  const length = directory.reduce((sum, entry) => sum + entry.length, 0);
  const entries = count ?? parts.length;
  const end64 = zip64
    ? [
        ...[...u32(0x06064b50), ...u64(44), ...u16(45, 45), ...u32(0, 0)],
        ...[
          ...u64(entries, entries, length, at),
          ...u32(0x07064b50, 0),
          ...u64(at + length),
          ...u32(1),
        ],
      ]
    : [];
  const end = zip64
    ? [...u16(0, 0, 0xffff, 0xffff), ...u32(ALL, ALL)]
    : [...u16(0, 0, entries, entries), ...u32(length, at)];
  return concat([
    ...local,
    ...directory,
    end64,
    [...u32(0x06054b50), ...end, ...u16(text(comment).length), ...text(comment)],
  ]);
}
