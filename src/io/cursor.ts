import { FileFormatError } from "./file-format-error.js";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text, or undefined where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    // TextDecoder takes no view of shared memory.
    return strict.decode(bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());
  } catch {
    return undefined;
  }
}

/** Reads bytes from front to back; whatever lies beyond the end is a FileFormatError. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  /** Where the next byte is read. */
  at: number;

  /** @param what the bytes' name in messages */
  constructor(bytes: Uint8Array, what: string, at = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.at = at;
  }

  /** Moves on by `count` bytes and returns where they begin. */
  skip(count: number): number {
    const begin = this.at;
    const end = begin + count;
    if (!(begin >= 0 && end <= this.bytes.length)) {
      throw new FileFormatError(
        `${this.#what}: ${count} bytes are expected at byte ${begin}, but it has only ` +
          `${this.bytes.length}; it is cut off or damaged`,
        { position: begin },
      );
    }
    this.at = end;
    return begin;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** A size or a place: what a number cannot hold exactly lies beyond any file. */
  u64(): number {
    const begin = this.skip(8);
    const value = this.#view.getBigUint64(begin, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new FileFormatError(
        `${this.#what}: the size or place at byte ${begin} is ${value}, beyond any file; ` +
          "it is damaged",
        { position: begin },
      );
    }
    return Number(value);
  }

  /** Big-endian, as pickles have it. */
  f64(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array {
    const begin = this.skip(count);
    return this.bytes.subarray(begin, begin + count);
  }

  /** The bytes up to the next line feed, which is passed over. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at);
    const line = this.take((end < 0 ? this.bytes.length + 1 : end) - this.at);
    this.at++;
    return line;
  }
}
