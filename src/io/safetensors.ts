import { decode, ELEMENT_BYTES, type ElementType, elements } from "./element-types.js";
import { FileFormatError } from "./file-format-error.js";
import type { NamedTensor, StateDict } from "./state-dict.js";

export interface Safetensors {
  readonly tensors: StateDict;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference reader refuses longer headers. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Writes tensors in the safetensors format: the header's length (u64), the header (JSON, padded
 * with spaces to a multiple of 8), the values without a gap. Larger element types come first, so
 * every tensor is aligned; among equal ones the map's order stays.
 * @throws FileFormatError when a tensor's values do not fill its shape
 */
export function writeSafetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const sorted = [...tensors].sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  );
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === "__metadata__") fail("no tensor may be called __metadata__");
    if (elements(shape) !== data.length) {
      fail(`${name} has ${data.length} values for the shape [${shape.join(", ")}]`);
    }
    const begin = end;
    end += data.byteLength;
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
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

/**
 * Reads a safetensors file. F16 and BF16 come as F32, BOOL as U8; tensors keep the header's
 * order.
 * @throws FileFormatError when the header is no valid one, an element type is not supported, or the
 *   tensors' byte ranges do not fill the file exactly
 */
export function readSafetensors(file: Uint8Array): Safetensors {
  const { header, values } = split(file);
  const tensors = new Map<string, NamedTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      metadata = readMetadata(entry);
      continue;
    }
    const { type, shape, begin, end } = readEntry(name, entry);
    if (end > values.length) {
      fail(`${name} ends at byte ${end}, but only ${values.length} follow the header`);
    }
    ranges.push({ name, begin, end });
    tensors.set(name, decode(type, shape, values.subarray(begin, end)));
  }
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const { name, begin, end } of ranges) {
    if (begin !== filled) {
      fail(
        begin > filled
          ? `bytes ${filled} .. ${begin - 1} before ${name} belong to no tensor`
          : `${name} begins at byte ${begin}, inside the tensor before it, which ends at ${filled}`,
      );
    }
    filled = end;
  }
  if (filled !== values.length) {
    fail(`bytes ${filled} .. ${values.length - 1} after the last tensor belong to none`);
  }
  return { tensors, metadata };
}

function fail(message: string): never {
  throw new FileFormatError(`safetensors: ${message}`);
}

function split(file: Uint8Array): { header: object; values: Uint8Array } {
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
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, end)));
  } catch (cause) {
    throw new FileFormatError(`safetensors: the header is not JSON in UTF-8 (${cause})`, { cause });
  }
  if (!isObject(header)) fail("the header is not a JSON object");
  return { header, values: file.subarray(end) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function readMetadata(entry: unknown): Record<string, string> {
  if (!isObject(entry)) fail("__metadata__ is not an object");
  const pairs = Object.entries(entry).map(([key, value]): [string, string] => {
    if (typeof value !== "string") fail(`__metadata__: ${key} is not a string`);
    return [key, value];
  });
  return Object.fromEntries(pairs);
}

function readEntry(
  name: string,
  entry: unknown,
): { type: ElementType; shape: number[]; begin: number; end: number } {
  if (!isObject(entry)) fail(`the entry of ${name} is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    fail(`${name} has dtype ${dtype}; supported are ${Object.keys(ELEMENT_BYTES).join(", ")}`);
  }
  const type = dtype as ElementType;
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    fail(`the shape of ${name} is ${JSON.stringify(shape)}, not a list of sizes`);
  }
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isCount(begin) || !isCount(end) || end < begin) {
    fail(`the data_offsets of ${name} are ${JSON.stringify(offsets)}, not [begin, end]`);
  }
  const expected = elements(shape) * ELEMENT_BYTES[type];
  if (end - begin !== expected) {
    fail(
      `${name}: ${dtype} of shape [${shape.join(", ")}] takes ${expected} bytes, ` +
        `data_offsets span ${end - begin}`,
    );
  }
  return { type, shape, begin, end };
}
