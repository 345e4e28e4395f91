import { FileFormatError } from "./file-format-error.js";

/** What every reader of tensors takes. */
export interface ReadOptions {
  /** The file's name, for messages. */
  file?: string;
  /**
   * Bytes of memory that reading may take beside the file itself: tensors, and estimates for all
   * else. Default: 4 times the file and 64 MiB, which no honest file of weights exceeds.
   */
  memory?: number;
  /**
   * "remove" (the default) takes `module.` and `_orig_mod.`, which DataParallel and torch.compile
   * put into names, off; "keep" leaves names as they are.
   */
  wrappers?: "remove" | "keep";
}

/**
 * What values take at most, measured on V8 with 64 bits: `item` is one of a dict or set, `room` what
 * an empty list takes in advance when the first value comes.
 */
export const COST = {
  value: 16,
  string: 40,
  list: 64,
  room: 136,
  dict: 200,
  item: 48,
  object: 112,
} as const;

/** Steps (opcodes, entries, values visited) for each byte of a file, and for any file. */
const STEPS_A_BYTE = 16;
const STEPS_FREE = 2 ** 26;

/**
 * What one file may cost, however many readers share in reading it: memory and time. A small file can
 * describe values without end; who reads it charges before making them. Time is counted in steps, so
 * that what is refused does not depend on the machine.
 */
export class ReadBudget {
  readonly #limit: number;
  readonly #steps: number;
  readonly #fileBytes: number;
  #used = 0;
  #taken = 0;

  /** @throws RangeError when `memory` is no number of bytes */
  constructor(fileBytes: number, memory = 4 * fileBytes + 2 ** 26) {
    if (!(memory >= 0)) throw new RangeError(`memory is ${memory}, expected a number of bytes`);
    this.#limit = memory;
    this.#fileBytes = fileBytes;
    this.#steps = STEPS_A_BYTE * fileBytes + STEPS_FREE;
  }

  /** @throws FileFormatError when `bytes` more do not fit; `what` says what they are for */
  allocate(bytes: number, what: string): void {
    this.#used += bytes;
    if (!(this.#used <= this.#limit)) {
      throw new FileFormatError(
        `${what} would take reading this file of ${this.#fileBytes} bytes over ${this.#limit} ` +
          'bytes of memory; if you trust the file, allow more with the option "memory"',
      );
    }
  }

  /** @throws FileFormatError when the file takes more steps than one of its size can need */
  step(count = 1): void {
    this.#taken += count;
    if (!(this.#taken <= this.#steps)) {
      throw new FileFormatError(
        `reading this file of ${this.#fileBytes} bytes takes more than ${this.#steps} steps; ` +
          "it repeats itself without end and is no file of weights",
      );
    }
  }
}

/**
 * A budget for the file, before it is read.
 * @throws FileFormatError when `file` is not bytes; RangeError for options that are none
 */
export function budgetFor(file: Uint8Array, { memory, wrappers }: ReadOptions): ReadBudget {
  if (wrappers !== undefined && wrappers !== "remove" && wrappers !== "keep") {
    throw new RangeError(`wrappers is ${wrappers}, expected "remove" or "keep"`);
  }
  if (!(file instanceof Uint8Array)) {
    throw new FileFormatError(
      `expected the file's bytes as a Uint8Array, got ${Object.prototype.toString.call(file)}`,
    );
  }
  return new ReadBudget(file.length, memory);
}
