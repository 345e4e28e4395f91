const BLOCK = 512;

export interface TarEntry {
  /** Path inside the archive. */
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * The regular files of an unpacked tar archive (ustar; other kinds of entries are passed over).
 * @throws Error when a header's checksum is wrong or the archive ends within a file
 */
export function* tarEntries(archive: Uint8Array): Generator<TarEntry, void, void> {
  const ascii = new TextDecoder("latin1");
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    const text = (from: number, length: number) =>
      ascii.decode(header.subarray(from, from + length)).replace(/\0.*$/s, "");
    const octal = (from: number, length: number) =>
      Number.parseInt(text(from, length).trim() || "0", 8);
    // The checksum's own eight bytes count as spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (sum !== octal(148, 8)) {
      throw new Error(`tar: the header at byte ${at} has a wrong checksum; the archive is damaged`);
    }
    const prefix = text(257, 6).startsWith("ustar") ? text(345, 155) : "";
    const path = prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`;
    const size = octal(124, 12);
    const begin = at + BLOCK;
    if (begin + size > archive.length) {
      throw new Error(`tar: the archive ends within ${path} (${size} bytes)`);
    }
    const kind = header[156];
    if (kind === 0 || kind === 0x30) yield { path, data: archive.subarray(begin, begin + size) };
    at = begin + Math.ceil(size / BLOCK) * BLOCK;
  }
}
