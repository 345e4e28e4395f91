import { decodeText } from "./cursor.js";
import { describe, describeSizes } from "./describe.js";
import { decode, ELEMENTS, type ElementType, fileBytes, hostBytes } from "./element-types.js";
import { FileFormatError, reading } from "./file-format-error.js";
import { budgetFor, COST, type ReadBudget, type ReadOptions } from "./read-budget.js";
import { countOf, faultOf, isCount, type StateDict } from "./state-dict.js";
import { type Json, parseJson } from "./strict-json.js";
import { unwrapNames } from "./wrapper-names.js";

export interface Safetensors {
  readonly tensors: StateDict;
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors of types that have no array here (complex, 4 and 6 bits), each with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
}

/** The reference reader refuses longer headers. */
const MAX_HEADER_BYTES = 100_000_000;

/** The header's name for notes, which no tensor may have. */
const METADATA = "__metadata__";

/** Element types of the format; the others are PyTorch's own. */
const DTYPES = Object.keys(ELEMENTS).filter((type) => !/^Q|^C128$/.test(type));

/**
 * Reads a safetensors file. F16, BF16 and 8-bit floating values come as F32, BOOL as U8; tensors
 * keep the header's order.
 * @throws FileFormatError when the header is no valid one or holds a name twice, an element type is
 *   unknown, the tensors' byte ranges do not fill the file exactly, or reading would take more memory
 *   than the options allow
 */
export function readSafetensors(file: Uint8Array, options: ReadOptions = {}): Safetensors {
  const budget = budgetFor(file, options);
  return reading("safetensors", options.file, () => {
    const { header, values } = split(file, budget);
    const entries = [...header].filter(([name]) => name !== METADATA);
    const ranges = entries.map(([name, entry]) => readEntry(name, entry));
    checkRanges(ranges, values.length);
    const originals = ranges.map(({ name }) => name);
    const { names } = unwrapNames(originals, options, budget);
    const tensors: StateDict = new Map();
    const skipped = new Map<string, string>();
    for (const [i, { type, shape, count, begin, end }] of ranges.entries()) {
      const name = names[i] as string;
      if (ELEMENTS[type].dtype === null) {
        skipped.set(name, `its element type ${type} has no array here`);
        continue;
      }
      budget.allocate(COST.object + hostBytes(type, count), describe(name));
      tensors.set(name, decode(describe(name), type, shape, values.subarray(begin, end)));
    }
    return { tensors, metadata: readMetadata(header.get(METADATA)), skipped };
  });
}

interface Range {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly count: number;
  readonly begin: number;
  readonly end: number;
}

function split(
  file: Uint8Array,
  budget: ReadBudget,
): { header: ReadonlyMap<string, Json>; values: Uint8Array } {
  if (file.length < 8) fail(`the file has ${file.length} bytes, a header's length alone takes 8`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const announced = view.getBigUint64(0, true);
  if (announced > MAX_HEADER_BYTES || Number(announced) > file.length - 8) {
    fail(
      `the header is said to have ${announced} bytes, but ${file.length - 8} follow; ` +
        "the file is cut off or of another format",
    );
  }
  const end = 8 + Number(announced);
  budget.allocate(2 * Number(announced), "the header");
  const text = decodeText(file.subarray(8, end));
  if (text === undefined) fail("the header is not JSON in UTF-8; the file is of another format");
  if (!text.startsWith("{")) fail("the header is not a JSON object; the file is of another format");
  const header = parseJson(text, "safetensors: the header", budget);
  if (!(header instanceof Map)) fail("the header is not a JSON object");
  return { header, values: file.subarray(end) };
}

function fail(message: string): never {
  throw new FileFormatError(`safetensors: ${message}`);
}

function checkRanges(entries: readonly Range[], length: number): void {
  const ranges = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const { name, begin, end } of ranges) {
    if (end > length) {
      fail(`${describe(name)} ends at byte ${end}, but only ${length} follow the header`);
    }
    if (begin !== filled) {
      fail(
        begin > filled
          ? `bytes ${filled} .. ${begin - 1} before ${describe(name)} belong to no tensor`
          : `${describe(name)} begins at byte ${begin}, inside the tensor before it, ` +
              `which ends at ${filled}`,
      );
    }
    filled = end;
  }
  if (filled !== length) {
    fail(`bytes ${filled} .. ${length - 1} after the last tensor belong to none`);
  }
}

/** Notes by name, without a prototype: what was not written is undefined, whatever its name. */
function readMetadata(entry: Json | undefined): Record<string, string> {
  const notes: Record<string, string> = Object.create(null);
  if (entry === undefined) return notes;
  if (!(entry instanceof Map)) fail(`${METADATA} is not an object`);
  for (const [key, value] of entry) {
    if (typeof value !== "string") fail(`${METADATA}: ${describe(key)} is not a string`);
    notes[key] = value;
  }
  return notes;
}

function readEntry(name: string, entry: Json): Range {
  const called = describe(name);
  if (!(entry instanceof Map)) fail(`the entry of ${called} is not an object`);
  const [dtype, shape, offsets] = ["dtype", "shape", "data_offsets"].map((key) => entry.get(key));
  if (typeof dtype !== "string" || !DTYPES.includes(dtype)) {
    fail(`${called} has dtype ${describe(dtype)}; supported are ${DTYPES.join(", ")}`);
  }
  const type = dtype as ElementType;
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    fail(`the shape of ${called} is ${sizes(shape)}, not a list of sizes`);
  }
  const count = countOf(shape);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end) || end < begin) {
    fail(`the data_offsets of ${called} are ${sizes(offsets)}, not [begin, end]`);
  }
  const expected = count === undefined ? Number.POSITIVE_INFINITY : fileBytes(type, count);
  if (count === undefined || end - begin !== expected) {
    fail(
      `${called}: ${type} of shape ${describeSizes(shape)} takes ${expected} bytes, ` +
        `data_offsets span ${end - begin}`,
    );
  }
  return { name, type, shape, count, begin, end };
}

const sizes = (value: unknown): string =>
  Array.isArray(value) && value.every((v) => typeof v === "number")
    ? describeSizes(value)
    : describe(value);

/**
 * Writes tensors in the safetensors format: the header's length (u64), the header (JSON, padded
 * with spaces to a multiple of 8), the values without a gap. Larger element types come first, so
 * every tensor is aligned; among equal ones the map's order stays.
 * @throws FileFormatError when a tensor's type, shape and values disagree, and for names and notes
 *   that the format cannot hold
 */
export function writeSafetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const notes = Object.entries(metadata).map(([key, value]) =>
    entry(key, checkedText(value, describe(key))),
  );
  const entries = notes.length > 0 ? [`${JSON.stringify(METADATA)}:{${notes}}`] : [];
  for (const [name, tensor] of tensors) {
    if (name === METADATA) fail(`no tensor may be called ${METADATA}`);
    const fault = faultOf(tensor);
    if (fault !== undefined) fail(`${describe(name)} ${fault}`);
  }
  const sorted = [...tensors].sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  );
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    const begin = end;
    end += data.byteLength;
    entries.push(entry(name, { dtype, shape, data_offsets: [begin, end] }));
  }
  // Put together as text: in an object, __proto__ is no name like others.
  const json = new TextEncoder().encode(`{${entries}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail(`the header takes ${headerBytes} bytes, readers accept ${MAX_HEADER_BYTES}`);
  }
  const file = new Uint8Array(8 + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes);
  file.set(json, 8);
  let position = 8 + headerBytes;
  for (const [, { data }] of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

const entry = (name: string, value: unknown): string =>
  `${JSON.stringify(checkedText(name, "a name"))}:${JSON.stringify(value)}`;

function checkedText(text: unknown, what: string): string {
  if (typeof text !== "string") return fail(`${what} is ${describe(text)}, not a string`);
  // Half of a surrogate pair has no bytes in UTF-8; two such names would become one.
  if (/\p{Surrogate}/u.test(text)) {
    return fail(`${describe(text)} holds half of a surrogate pair, which UTF-8 cannot represent`);
  }
  return text;
}
