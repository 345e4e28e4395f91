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
  /** Each entry's content goes on over all entries behind it, with the checksum of that. */
  readonly nested?: boolean;
}

const ALL = 0xffffffff;

/** A zip archive of stored entries, with nothing of the reader in it. */
export function zipFile(parts: readonly ZipPart[], making: ZipMaking = {}): Uint8Array {
  const { zip64 = false, comment = "", count = parts.length, nested = false } = making;
  // From the last to the first, so that an entry can hold those behind it.
  let contents: Uint8Array = new Uint8Array(0);
  const entries = [...parts].reverse().map((part) => {
    const { name, content, crc, method = 0, flags = 0, localName = name } = part;
    const whole = nested ? concat([content, contents]) : Uint8Array.from(content);
    const sizes = zip64 ? u32(ALL, ALL) : u32(whole.length, whole.length);
    const facts = [...u16(flags, method, 0, 0), ...u32(crc ?? crc32(whole)), ...sizes];
    const wide = zip64 ? [...u16(1, 16), ...u64(whole.length, whole.length)] : [];
    const header = [
      ...[...u32(0x04034b50), ...u16(45), ...facts],
      ...[...u16(text(localName).length, wide.length), ...text(localName), ...wide],
    ];
    contents = concat([header, content, contents]);
    return { name: text(name), facts, size: whole.length, fromEnd: contents.length };
  });
  const start = contents.length;
  const directory = concat(
    entries.reverse().map(({ name, facts, size, fromEnd }) => {
      const at = start - fromEnd;
      const far = zip64 ? [...u16(1, 24), ...u64(size, size, at)] : [];
      const lengths = u16(name.length, far.length, 0, 0, 0);
      const head = [...u32(0x02014b50), ...u16(45, 45), ...facts, ...lengths];
      return [...head, ...u32(0, zip64 ? ALL : at), ...name, ...far];
    }),
  );
  const end64 = [
    ...[...u32(0x06064b50), ...u64(44), ...u16(45, 45), ...u32(0, 0)],
    ...u64(count, count, directory.length, start),
    ...[...u32(0x07064b50, 0), ...u64(start + directory.length), ...u32(1)],
  ];
  const end = zip64
    ? [...u16(0, 0, 0xffff, 0xffff), ...u32(ALL, ALL)]
    : [...u16(0, 0, count, count), ...u32(directory.length, start)];
  return concat([
    ...[contents, directory, zip64 ? end64 : []],
    [...u32(0x06054b50), ...end, ...u16(text(comment).length), ...text(comment)],
  ]);
}
