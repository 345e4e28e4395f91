import { FileFormatError } from "./file-format-error.js";

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

/** True for a file that begins as a zip archive does. */
export function isZip(file: Uint8Array): boolean {
  return file[0] === 0x50 && file[1] === 0x4b && file[2] === 3 && file[3] === 4;
}

/**
 * The entries of a zip archive by name, as views. Only entries that are stored as they are can be
 * read: that is how PyTorch writes. ZIP64 is understood.
 * @throws FileFormatError when the archive is cut off, damaged or compressed
 */
export function zipEntries(file: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    return readDirectory(file, view);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new FileFormatError("zip: an entry points outside the file; it is cut off or damaged", {
      cause,
    });
  }
}

function readDirectory(file: Uint8Array, view: DataView): Map<string, Uint8Array> {
  const { count, start } = findDirectory(view);
  const entries = new Map<string, Uint8Array>();
  for (let i = 0, at = start; i < count; i++) {
    if (view.getUint32(at, true) !== CENTRAL) {
      throw new FileFormatError(`zip: no directory entry at byte ${at}; the file is damaged`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const name = new TextDecoder().decode(file.subarray(at + 46, at + 46 + nameBytes));
    const method = view.getUint16(at + 10, true);
    if (method !== 0) {
      throw new FileFormatError(
        `zip: ${name} is compressed (method ${method}); PyTorch stores entries uncompressed`,
      );
    }
    const large = wideFields(view, at, at + 46 + nameBytes, extraBytes);
    entries.set(name, contentOf(file, view, name, large));
    at += 46 + nameBytes + extraBytes + view.getUint16(at + 32, true);
  }
  return entries;
}

/** The end record lies in the last 22 bytes plus a comment of at most 65,535. */
function findDirectory(view: DataView): { count: number; start: number } {
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= lowest; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const locator = at - 20;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
      const end = Number(view.getBigUint64(locator + 8, true));
      if (view.getUint32(end, true) === END_64) {
        return {
          count: Number(view.getBigUint64(end + 32, true)),
          start: Number(view.getBigUint64(end + 48, true)),
        };
      }
    }
    return { count: view.getUint16(at + 10, true), start: view.getUint32(at + 16, true) };
  }
  throw new FileFormatError("zip: the archive has no directory; the file is cut off");
}

/** Size and place of an entry; what does not fit 32 bits lies in the ZIP64 extra field (id 1). */
function wideFields(
  view: DataView,
  entry: number,
  extra: number,
  extraBytes: number,
): { size: number; offset: number } {
  let packed = view.getUint32(entry + 20, true);
  let size = view.getUint32(entry + 24, true);
  let offset = view.getUint32(entry + 42, true);
  for (let at = extra; at + 4 <= extra + extraBytes; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let field = at + 4;
    const widen = (value: number) => {
      if (value !== 0xffffffff) return value;
      field += 8;
      return Number(view.getBigUint64(field - 8, true));
    };
    size = widen(size);
    packed = widen(packed);
    offset = widen(offset);
    break;
  }
  if (packed !== size) throw new FileFormatError("zip: a stored entry has two different sizes");
  return { size, offset };
}

function contentOf(
  file: Uint8Array,
  view: DataView,
  name: string,
  { size, offset }: { size: number; offset: number },
): Uint8Array {
  if (view.getUint32(offset, true) !== LOCAL) {
    throw new FileFormatError(`zip: no header of ${name} at byte ${offset}; the file is damaged`);
  }
  const begin = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (begin + size > file.length) {
    throw new FileFormatError(`zip: ${name} ends at byte ${begin + size} of ${file.length}`);
  }
  return file.subarray(begin, begin + size);
}
