import { crc32 } from "./crc32.js";
import { Cursor, decodeText } from "./cursor.js";
import { describe, describeAll } from "./describe.js";
import { FileFormatError } from "./file-format-error.js";
import { COST, type ReadBudget } from "./read-budget.js";

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

/** An end record without comment, a comment at most, a ZIP64 locator, a directory entry at least. */
const END_BYTES = 22;
const MOST_COMMENT = 0xffff;
const LOCATOR_BYTES = 20;
const CENTRAL_BYTES = 46;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly size: number;
  /** Where the local header lies, and where the content begins and ends. */
  readonly header: number;
  readonly begin: number;
  readonly end: number;
}

/** True for a file that begins as a zip archive does. */
export function isZip(file: Uint8Array): boolean {
  return file[0] === 0x50 && file[1] === 0x4b && file[2] === 3 && file[3] === 4;
}

/**
 * A zip archive's entries, each read and checked when it is asked for. Only entries that are stored
 * as they are can be read: that is how PyTorch writes. ZIP64 is understood.
 */
export class ZipArchive {
  readonly #file: Uint8Array;
  readonly #entries = new Map<string, Entry>();
  /** False for an archive without a CRC-32 anywhere, as torch.save writes it when told to. */
  readonly hasChecksums: boolean;

  /**
   * Reads the directory.
   * @throws FileFormatError when the archive is cut off or damaged, holds a name twice, or entries
   *   that share bytes
   */
  constructor(file: Uint8Array, budget: ReadBudget) {
    this.#file = file;
    for (const entry of readDirectory(file, budget)) {
      if (this.#entries.has(entry.name)) fail(`it holds ${describe(entry.name)} twice`);
      this.#entries.set(entry.name, entry);
    }
    this.hasChecksums = [...this.#entries.values()].some(({ crc }) => crc !== 0);
  }

  names(): Iterable<string> {
    return this.#entries.keys();
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * An entry's content, as a view.
   * @throws FileFormatError when there is none of that name, it is compressed or encrypted, or its
   *   bytes are not those that were written
   */
  read(name: string): Uint8Array {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      fail(`it has no ${describe(name)}; it holds ${describeAll(this.names())}`);
    }
    const { begin, end, size, crc, method, encrypted } = entry;
    if (encrypted) fail(`${describe(name)} is encrypted; unpack the archive first`);
    if (method !== 0) {
      fail(
        `${describe(name)} is compressed (method ${method}); PyTorch stores entries uncompressed: ` +
          "unpack the archive and pack it again with zip -0",
      );
    }
    const content = this.#file.subarray(begin, end);
    if (this.hasChecksums && crc32(content) !== crc) {
      fail(
        `the ${size} bytes of ${describe(name)} do not have the CRC-32 that was written with them; ` +
          "the file is damaged: fetch or copy it again",
        begin,
      );
    }
    return content;
  }
}

function fail(message: string, position?: number): never {
  throw new FileFormatError(`zip: ${message}`, position === undefined ? {} : { position });
}

function readDirectory(file: Uint8Array, budget: ReadBudget): Entry[] {
  const { count, start, end } = findDirectory(file);
  if (start > end || count * CENTRAL_BYTES > end - start) {
    fail(`a directory of ${count} entries at byte ${start} does not end by byte ${end}; damaged`);
  }
  const entries: Entry[] = [];
  const cursor = new Cursor(file.subarray(0, end), "zip: the directory", start);
  for (let i = 0; i < count; i++) {
    budget.step();
    budget.allocate(2 * COST.dict, "a zip archive's directory");
    entries.push(readEntry(cursor, file.subarray(0, start), budget));
  }
  if (cursor.at !== end) {
    fail(`bytes ${cursor.at} .. ${end - 1} after the directory belong to nothing; it is damaged`);
  }
  const sorted = [...entries].sort((a, b) => a.header - b.header);
  for (const [i, next] of sorted.slice(1).entries()) {
    const { name, end: before } = sorted[i] as Entry;
    if (next.header < before) {
      fail(`${describe(name)} and ${describe(next.name)} share bytes; no honest archive does that`);
    }
  }
  return entries;
}

/** The end record lies in the last 22 bytes plus a comment, which reaches to the end. */
function findDirectory(file: Uint8Array): { count: number; start: number; end: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const lowest = Math.max(0, file.length - END_BYTES - MOST_COMMENT);
  for (let at = file.length - END_BYTES; at >= lowest; at--) {
    if (view.getUint32(at, true) !== END) continue;
    if (at + END_BYTES + view.getUint16(at + 20, true) !== file.length) continue;
    const locator = at - LOCATOR_BYTES;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
      const end = new Cursor(file, "zip: the ZIP64 locator", locator + 8).u64();
      const cursor = new Cursor(file, "zip: the ZIP64 end record", end);
      if (cursor.u32() !== END_64) fail(`no ZIP64 end record at byte ${end}; it is damaged`);
      cursor.skip(28);
      const count = cursor.u64();
      cursor.skip(8);
      return { count, start: cursor.u64(), end };
    }
    const cursor = new Cursor(file, "zip: the end record", at + 10);
    const count = cursor.u16();
    cursor.skip(4);
    return { count, start: cursor.u32(), end: at };
  }
  return fail("the archive has no directory; the file is cut off");
}

/** @param contents the file up to its directory */
function readEntry(cursor: Cursor, contents: Uint8Array, budget: ReadBudget): Entry {
  const at = cursor.at;
  if (cursor.u32() !== CENTRAL) fail(`no directory entry at byte ${at}; the file is damaged`, at);
  cursor.skip(4);
  const flags = cursor.u16();
  const method = cursor.u16();
  cursor.skip(4);
  const crc = cursor.u32();
  const [packed, size] = [cursor.u32(), cursor.u32()];
  const [nameBytes, extraBytes, commentBytes] = [cursor.u16(), cursor.u16(), cursor.u16()];
  cursor.skip(8);
  const offset = cursor.u32();
  const rawName = cursor.take(nameBytes);
  const wide = wideFields(cursor.take(extraBytes), { size, packed, offset });
  cursor.skip(commentBytes);
  budget.allocate(2 * nameBytes, "a zip archive's directory");
  const name = decodeText(rawName) ?? fail(`the name at byte ${at + CENTRAL_BYTES} is not UTF-8`);
  if (method === 0 && wide.packed !== wide.size) {
    fail(`${describe(name)} is stored and has two different sizes; the file is damaged`, at);
  }
  const local = new Cursor(contents, `zip: ${describe(name)}`, wide.offset);
  if (local.u32() !== LOCAL) {
    fail(`no header of ${describe(name)} at byte ${wide.offset}; the file is damaged`, wide.offset);
  }
  local.skip(22);
  const [localName, localExtra] = [local.u16(), local.u16()];
  if (!local.take(localName).every((byte, i) => byte === rawName[i]) || localName !== nameBytes) {
    fail(`the entry at byte ${wide.offset} is not ${describe(name)}; the file is damaged`, at);
  }
  local.skip(localExtra);
  const begin = local.at;
  local.skip(wide.packed);
  const encrypted = (flags & 1) === 1;
  return {
    name,
    method,
    encrypted,
    crc,
    size: wide.size,
    header: wide.offset,
    begin,
    end: local.at,
  };
}

/** What does not fit 32 bits lies in the ZIP64 extra field (id 1), in this order. */
function wideFields(
  extra: Uint8Array,
  fields: { size: number; packed: number; offset: number },
): { size: number; packed: number; offset: number } {
  const cursor = new Cursor(extra, "zip: an entry's extra fields");
  while (cursor.at + 4 <= extra.length) {
    const id = cursor.u16();
    const content = cursor.take(cursor.u16());
    if (id !== 1) continue;
    const wide = new Cursor(content, "zip: an entry's ZIP64 field");
    const widen = (value: number) => (value === 0xffffffff ? wide.u64() : value);
    const [size, packed] = [widen(fields.size), widen(fields.packed)];
    return { size, packed, offset: widen(fields.offset) };
  }
  return fields;
}
