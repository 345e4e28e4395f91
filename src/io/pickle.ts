import { Cursor, decodeText } from "./cursor.js";
import { describe } from "./describe.js";
import { FileFormatError } from "./file-format-error.js";
import { OP } from "./pickle-opcodes.js";
import { damaged, PickleStack } from "./pickle-stack.js";
import { Global, Opaque, type PickleHandlers } from "./pickle-values.js";
import { COST, type ReadBudget } from "./read-budget.js";

/** Longer integers are no sizes, seeds or counts; PyTorch's magic number has 10 bytes. */
const LONGEST_INTEGER = 256;

/**
 * Reads one pickle without running anything: data become null, booleans, numbers (bigint beyond
 * 2^53), strings, bytes, arrays (lists and tuples), Sets and Maps; every call goes to the caller's
 * handlers, and what they do not know becomes Opaque. What is set on an Opaque, and attributes that
 * are set on anything (an OrderedDict's), are passed over.
 * @returns the value and where the pickle ends in `bytes`
 * @throws FileFormatError at an opcode that protocols 2 to 5 do not have, where the program is none,
 *   at a cut-off, and when the file's budget is spent
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  handlers: PickleHandlers,
  budget: ReadBudget,
): { value: unknown; end: number } {
  const machine = new PickleMachine(new Cursor(bytes, "pickle", start), handlers, budget);
  return machine.run();
}

class PickleMachine {
  readonly #in: Cursor;
  readonly #handlers: PickleHandlers;
  readonly #budget: ReadBudget;
  readonly #stack = new PickleStack();
  readonly #memo = new Map<number, unknown>();

  constructor(input: Cursor, handlers: PickleHandlers, budget: ReadBudget) {
    this.#in = input;
    this.#handlers = handlers;
    this.#budget = budget;
  }

  run(): { value: unknown; end: number } {
    for (;;) {
      const opcode = this.#in.u8();
      this.#budget.step();
      if (opcode === OP.STOP) return { value: this.#stack.result(), end: this.#in.at };
      if (!this.#data(opcode) && !this.#containers(opcode) && !this.#references(opcode)) {
        throw new FileFormatError(
          `pickle: opcode 0x${opcode.toString(16)} at byte ${this.#in.at - 1} is none of those that ` +
            "torch.save writes; the file is damaged",
          { position: this.#in.at - 1 },
        );
      }
    }
  }

  /** Opcodes that push one plain value; false for all others. */
  #data(opcode: number): boolean {
    const input = this.#in;
    switch (opcode) {
      case OP.NONE:
        return this.#push(null);
      case OP.NEWTRUE:
        return this.#push(true);
      case OP.NEWFALSE:
        return this.#push(false);
      case OP.BININT:
        return this.#push(input.i32());
      case OP.BININT1:
        return this.#push(input.u8());
      case OP.BININT2:
        return this.#push(input.u16());
      case OP.BINFLOAT:
        return this.#push(input.f64());
      case OP.LONG1:
        return this.#push(this.#integer(input.u8()));
      case OP.LONG4:
        return this.#push(this.#integer(input.u32()));
      case OP.SHORT_BINUNICODE:
        return this.#text(input.u8());
      case OP.BINUNICODE:
        return this.#text(input.u32());
      case OP.BINUNICODE8:
        return this.#text(input.u64());
      // Python 2 wrote texts so, and bytes as well.
      case OP.SHORT_BINSTRING:
        return this.#text(input.u8());
      case OP.BINSTRING:
        return this.#text(input.u32());
      case OP.SHORT_BINBYTES:
        return this.#bytes(input.u8());
      case OP.BINBYTES:
        return this.#bytes(input.u32());
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.#bytes(input.u64());
      case OP.PROTO:
        input.skip(1);
        return true;
      case OP.FRAME:
        input.skip(8);
        return true;
      default:
        return false;
    }
  }

  /** Opcodes that make and fill lists, tuples, dicts and sets; false for all others. */
  #containers(opcode: number): boolean {
    const stack = this.#stack;
    switch (opcode) {
      case OP.MARK:
        this.#budget.allocate(COST.value, "a pickle");
        stack.mark();
        return true;
      case OP.POP:
        stack.drop();
        return true;
      case OP.POP_MARK:
        stack.toMark();
        return true;
      case OP.EMPTY_TUPLE:
      case OP.EMPTY_LIST:
        return this.#push([], COST.list);
      case OP.EMPTY_DICT:
        return this.#push(new Map(), COST.dict);
      case OP.EMPTY_SET:
        return this.#push(new Set(), COST.dict);
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        return this.#push(stack.take(opcode - OP.TUPLE1 + 1), COST.list);
      case OP.TUPLE:
        return this.#push(stack.toMark(), COST.list);
      case OP.FROZENSET: {
        const items = stack.toMark();
        return this.#push(new Set(items), COST.dict + COST.item * items.length);
      }
      case OP.APPEND:
        return this.#append([stack.pop()]);
      case OP.APPENDS:
        return this.#append(stack.toMark());
      case OP.SETITEM:
        return this.#setItems(stack.take(2));
      case OP.SETITEMS:
        return this.#setItems(stack.toMark());
      case OP.ADDITEMS:
        return this.#addItems(stack.toMark());
      default:
        return false;
    }
  }

  /** Opcodes of the memo, of names, calls and objects outside; false for all others. */
  #references(opcode: number): boolean {
    const [input, stack] = [this.#in, this.#stack];
    switch (opcode) {
      case OP.DUP:
        return this.#push(stack.top());
      case OP.BINPUT:
        return this.#keep(input.u8());
      case OP.LONG_BINPUT:
        return this.#keep(input.u32());
      case OP.MEMOIZE:
        return this.#keep(this.#memo.size);
      case OP.BINGET:
        return this.#recall(input.u8());
      case OP.LONG_BINGET:
        return this.#recall(input.u32());
      case OP.GLOBAL:
        return this.#global(decodeText(input.line()), decodeText(input.line()));
      case OP.STACK_GLOBAL: {
        const [module, name] = stack.take(2);
        return this.#global(module, name);
      }
      case OP.REDUCE:
      case OP.NEWOBJ: {
        const [callee, args] = stack.take(2);
        return this.#call(callee, args);
      }
      case OP.NEWOBJ_EX: {
        const [callee, args, named] = stack.take(3);
        if (!(named instanceof Map)) throw damaged("names arguments by what is no dict");
        // What takes arguments by name is nothing that rebuilds tensors.
        return this.#call(named.size > 0 ? new Opaque(makerOf(callee)) : callee, args);
      }
      case OP.BINPERSID:
        return this.#push(this.#handlers.persistent(stack.pop()), COST.object);
      case OP.BUILD: {
        stack.pop();
        const target = stack.top();
        if (typeof target === "object" && target !== null) return true;
        throw damaged("sets attributes of what is no object");
      }
      default:
        return false;
    }
  }

  #push(value: unknown, cost: number = COST.value): true {
    this.#budget.allocate(cost, "a pickle");
    this.#stack.push(value);
    return true;
  }

  #text(length: number): true {
    const bytes = this.#in.take(length);
    this.#budget.allocate(2 * length, "a pickle's text");
    // What is no UTF-8 (Python 2's bytes, half of a surrogate pair) stays bytes.
    return this.#push(decodeText(bytes) ?? bytes, COST.string);
  }

  #bytes(length: number): true {
    return this.#push(this.#in.take(length), COST.object);
  }

  /** A little-endian two's complement integer. */
  #integer(length: number): number | bigint {
    if (length > LONGEST_INTEGER) throw damaged(`has an integer of ${length} bytes`);
    const bytes = this.#in.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
    value = BigInt.asIntN(length * 8, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #global(module: unknown, name: unknown): true {
    if (typeof module !== "string" || typeof name !== "string") {
      throw damaged("names a global by what is no text");
    }
    this.#budget.allocate(2 * (module.length + name.length), "a pickle's text");
    return this.#push(new Global(`${module}.${name}`), COST.object);
  }

  #keep(key: number): true {
    this.#budget.allocate(COST.item, "a pickle");
    this.#memo.set(key, this.#stack.top());
    return true;
  }

  #recall(key: number): true {
    if (!this.#memo.has(key)) throw damaged(`recalls value ${key}, which it did not keep`);
    return this.#push(this.#memo.get(key));
  }

  #append(values: readonly unknown[]): true {
    const list = this.#stack.top();
    this.#budget.allocate(COST.value * values.length, "a pickle's list");
    if (Array.isArray(list)) {
      if (list.length === 0) this.#budget.allocate(COST.room, "a pickle's list");
      for (const value of values) list.push(value);
    } else if (!(list instanceof Opaque)) throw damaged("appends to what is no list");
    return true;
  }

  #setItems(pairs: readonly unknown[]): true {
    const target = this.#stack.top();
    if (pairs.length % 2 === 1) throw damaged("sets a key without a value");
    this.#budget.allocate((COST.item * pairs.length) / 2, "a pickle's dict");
    if (target instanceof Map) {
      for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
    } else if (!(target instanceof Opaque)) throw damaged("sets items of what is no dict");
    return true;
  }

  #addItems(items: readonly unknown[]): true {
    const target = this.#stack.top();
    this.#budget.allocate(COST.item * items.length, "a pickle's set");
    if (target instanceof Set) for (const item of items) target.add(item);
    else if (!(target instanceof Opaque)) throw damaged("adds to what is no set");
    return true;
  }

  #call(callee: unknown, args: unknown): true {
    if (!Array.isArray(args)) throw damaged("calls something with what is no tuple");
    if (callee instanceof Global) {
      return this.#push(this.#handlers.call(callee, args) ?? new Opaque(callee.name), COST.object);
    }
    if (!(callee instanceof Opaque)) throw damaged("calls what is no global");
    return this.#push(callee, COST.object);
  }
}

const makerOf = (callee: unknown): string =>
  callee instanceof Global ? callee.name : describe(callee);
