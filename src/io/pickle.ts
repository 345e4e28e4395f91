import { FileFormatError } from "./file-format-error.js";
import { OP } from "./pickle-opcodes.js";

/** A name that a pickle refers to: a class or function, which only the caller gives a meaning. */
export class Global {
  constructor(readonly name: string) {}
}

export interface PickleHandlers {
  /** What a call of a global gives; throws for all that is not allowed. */
  call(global: Global, args: readonly unknown[]): unknown;
  /** What an object kept outside the pickle is. */
  persistent(id: unknown): unknown;
}

const MARK = Symbol("mark");

/**
 * Reads one pickle without running anything: data become null, booleans, numbers (bigint beyond
 * 2^53), strings, arrays (lists and tuples) and Maps; every call goes to the caller's handlers.
 * Attributes that a pickle sets on a Map (an OrderedDict's) are passed over.
 * @returns the value and where the pickle ends in `bytes`
 * @throws FileFormatError at an opcode that tensors and plain data do not need, or a cut-off pickle
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  handlers: PickleHandlers,
): { value: unknown; end: number } {
  const reader = new PickleReader(bytes, start, handlers);
  try {
    return reader.read();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new FileFormatError("pickle: the data end within a value; the file is cut off", {
      cause,
    });
  }
}

class PickleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #handlers: PickleHandlers;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;

  constructor(bytes: Uint8Array, start: number, handlers: PickleHandlers) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#handlers = handlers;
  }

  read(): { value: unknown; end: number } {
    for (;;) {
      const opcode = this.#byte();
      if (opcode === OP.STOP) return { value: this.#pop(), end: this.#at };
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case OP.PROTO:
        this.#at += 1;
        return;
      case OP.FRAME:
        this.#at += 8;
        return;
      case OP.MARK:
        stack.push(MARK);
        return;
      case OP.POP:
        stack.pop();
        return;
      case OP.NONE:
        stack.push(null);
        return;
      case OP.NEWTRUE:
        stack.push(true);
        return;
      case OP.NEWFALSE:
        stack.push(false);
        return;
      case OP.BININT:
        stack.push(this.#view.getInt32(this.#skip(4), true));
        return;
      case OP.BININT1:
        stack.push(this.#byte());
        return;
      case OP.BININT2:
        stack.push(this.#view.getUint16(this.#skip(2), true));
        return;
      case OP.BINFLOAT:
        stack.push(this.#view.getFloat64(this.#skip(8), false));
        return;
      case OP.LONG1:
        stack.push(this.#long(this.#byte()));
        return;
      case OP.BINUNICODE:
        stack.push(this.#text(this.#view.getUint32(this.#skip(4), true)));
        return;
      case OP.SHORT_BINUNICODE:
        stack.push(this.#text(this.#byte()));
        return;
      case OP.EMPTY_TUPLE:
      case OP.EMPTY_LIST:
        stack.push([]);
        return;
      case OP.EMPTY_DICT:
        stack.push(new Map());
        return;
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        stack.push(this.#take(opcode - OP.TUPLE1 + 1));
        return;
      case OP.TUPLE:
        stack.push(this.#toMark());
        return;
      case OP.APPEND:
        this.#append([this.#pop()]);
        return;
      case OP.APPENDS:
        this.#append(this.#toMark());
        return;
      case OP.SETITEM:
        this.#setItems(this.#take(2));
        return;
      case OP.SETITEMS:
        this.#setItems(this.#toMark());
        return;
      case OP.BINPUT:
        this.#memo.set(this.#byte(), this.#top());
        return;
      case OP.LONG_BINPUT:
        this.#memo.set(this.#view.getUint32(this.#skip(4), true), this.#top());
        return;
      case OP.MEMOIZE:
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case OP.BINGET:
        stack.push(this.#recall(this.#byte()));
        return;
      case OP.LONG_BINGET:
        stack.push(this.#recall(this.#view.getUint32(this.#skip(4), true)));
        return;
      case OP.GLOBAL:
        stack.push(new Global(`${this.#line()}.${this.#line()}`));
        return;
      case OP.STACK_GLOBAL:
        stack.push(new Global(this.#take(2).join(".")));
        return;
      case OP.REDUCE:
      case OP.NEWOBJ:
        this.#call();
        return;
      case OP.BINPERSID:
        stack.push(this.#handlers.persistent(this.#pop()));
        return;
      case OP.BUILD:
        this.#build();
        return;
      default:
        throw new FileFormatError(
          `pickle: opcode 0x${opcode.toString(16)} at byte ${this.#at - 1} is none that tensors ` +
            "and plain data need",
        );
    }
  }

  /** Moves on by `count` bytes and returns where they begin. */
  #skip(count: number): number {
    const begin = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new RangeError("beyond the end");
    return begin;
  }

  #byte(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  #text(length: number): string {
    const begin = this.#skip(length);
    return new TextDecoder().decode(this.#bytes.subarray(begin, begin + length));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new RangeError("beyond the end");
    const text = this.#text(end - this.#at);
    this.#at++;
    return text;
  }

  /** A little-endian two's complement integer. */
  #long(length: number): number | bigint {
    const begin = this.#skip(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) {
      value = (value << 8n) | BigInt(this.#bytes[begin + i] ?? 0);
    }
    value = BigInt.asIntN(length * 8, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw damaged("takes from an empty stack");
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw damaged("keeps what is not there");
    return this.#stack.at(-1);
  }

  #take(count: number): unknown[] {
    if (this.#stack.length < count) throw damaged("takes from an empty stack");
    return this.#stack.splice(-count);
  }

  #toMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw damaged("goes back to a mark that is not there");
    return this.#stack.splice(mark).slice(1);
  }

  #recall(key: number): unknown {
    if (!this.#memo.has(key)) throw damaged(`recalls value ${key}, which it did not keep`);
    return this.#memo.get(key);
  }

  #append(values: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw damaged("appends to what is no list");
    for (const value of values) list.push(value);
  }

  #setItems(pairs: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Map)) throw damaged("sets items of what is no dict");
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
  }

  #call(): void {
    const [callee, args] = this.#take(2);
    if (!(callee instanceof Global) || !Array.isArray(args)) {
      throw damaged("calls what is no global");
    }
    this.#stack.push(this.#handlers.call(callee, args));
  }

  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map)) {
      throw damaged("sets attributes of what is no OrderedDict");
    }
  }
}

function damaged(what: string): FileFormatError {
  return new FileFormatError(`pickle: the program ${what}; the file is damaged`);
}
