import { ELEMENTS, type ElementType, fileBytes } from "../../src/io/element-types.js";
import { FileFormatError } from "../../src/io/file-format-error.js";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.js";
import { concat, text, u64 } from "../support/bytes.js";
import type { Dice } from "./dice.js";
import { mutate } from "./mutate.js";
import { type FuzzInput, type Subject, sound } from "./subject.js";
import { checkTensors, printOf, product, smallShape, someNames, valuesOf } from "./tensors.js";

const TYPES = (Object.keys(ELEMENTS) as ElementType[]).filter(
  (type) => !/^Q|C128|^F[46]/.test(type),
);

type Field = [name: string, json: string];

/** Entries that no reader may take, each for any tensor. */
const FAULTS: readonly ((dice: Dice, fields: Field[]) => void)[] = [
  (dice, fields) => fields.push([...dice.pick(fields)]),
  (dice, fields) => set(dice, fields, "data_offsets", "[1,0]"),
  (dice, fields) => set(dice, fields, "data_offsets", `[0,${2 ** 53}]`),
  (dice, fields) =>
    set(dice, fields, "data_offsets", dice.pick(["[0]", "[]", "null", '"a"', "[0,1,2]"])),
  (dice, fields) =>
    set(dice, fields, "shape", dice.pick(["[-1]", "[0.5]", "[1e400]", '["2"]', "3", "{}"])),
  (dice, fields) => set(dice, fields, "shape", `[${new Array(9).fill(2 ** 40)}]`),
  (dice, fields) =>
    set(dice, fields, "dtype", dice.pick(['"F33"', "4", "null", '"toString"', '"QI8"'])),
  (dice, fields) => fields.splice(dice.int(fields.length), 1),
  (dice, fields) => set(dice, fields, "shape", "[".repeat(1 + dice.int(9999))),
];

function set(dice: Dice, fields: Field[], name: string, json: string): void {
  const at = fields.findIndex(([field]) => field === name);
  fields[at < 0 ? dice.int(fields.length) : at] = [name, json];
}

/** Headers with all types, faults within entries and between them, and damaged bytes. */
export const safetensors: Subject = {
  name: "safetensors",
  make(dice: Dice): FuzzInput {
    const values: Uint8Array[] = [];
    const entries: string[] = dice.once(3) ? ['"__metadata__":{"a":"b","__proto__":"c"}'] : [];
    let at = 0;
    let wrong = false;
    for (const name of someNames(dice, dice.once(50) ? 400 : 6)) {
      const type = dice.pick(TYPES);
      const shape = smallShape(dice);
      const bytes = valuesOf(dice, type, product(shape));
      if (type === "BOOL" && bytes.length > 0 && dice.once(4)) {
        bytes[dice.int(bytes.length)] = 2;
        wrong = true;
      }
      if (!wrong && dice.once(25)) {
        // A byte of no tensor, or one of two.
        const gap = at === 0 || dice.once(2);
        if (gap) values.push(dice.bytes(1));
        else values.push(...[concat(values.splice(0)).subarray(0, -1)]);
        at += gap ? 1 : -1;
        wrong = true;
      }
      const end = at + bytes.length;
      const fields: Field[] = [
        ["dtype", `"${type}"`],
        ["shape", `[${shape}]`],
        ["data_offsets", `[${at},${end}]`],
      ];
      if (dice.once(8)) {
        dice.pick(FAULTS)(dice, fields);
        wrong = true;
      }
      const body = fields.map(([field, json]) => `"${field}":${json}`);
      entries.push(`${JSON.stringify(name)}:{${body}}`);
      values.push(bytes);
      at = end;
    }
    const [first] = entries;
    if (first !== undefined && dice.once(20)) {
      entries.push(first);
      wrong = true;
    }
    if (dice.once(20)) {
      values.push(dice.bytes(1 + dice.int(3)));
      wrong = true;
    }
    const json = text(`{${entries}}${" ".repeat(dice.int(9))}`);
    const file = concat([u64(json.length), json, ...values]);
    const damaged = dice.once(2);
    const bytes = damaged ? mutate(dice, file) : file;
    const known = wrong ? "wrong" : "right";
    return { bytes, expect: damaged ? "either" : known, read: () => readAndCheck(bytes) };
  },
};

function readAndCheck(bytes: Uint8Array): void {
  const { tensors, skipped } = readSafetensors(bytes, { wrappers: "keep" });
  checkTensors(tensors);
  // What JSON.parse makes of the header must be all there, tile the file and have these bits.
  const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header: object = JSON.parse(Buffer.from(bytes.subarray(8, end)).toString());
  const named = Object.entries(header).filter(([name]) => name !== "__metadata__");
  sound(named.length === tensors.size + skipped.size, "not as many tensors as the header has");
  let filled = 0;
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of named) {
    const [type, tensor] = [dtype as ElementType, tensors.get(name)];
    sound(fileBytes(type, product(shape)) === to - from, `${name} has another size`);
    filled += to - from;
    if (tensor === undefined) continue;
    const same = ELEMENTS[type].dtype === type || type === "BOOL";
    const raw = Buffer.from(bytes.subarray(end + from, end + to)).toString("hex");
    sound(!same || printOf(tensor).endsWith(` ${raw}`), `${name} has other bits`);
  }
  sound(filled === bytes.length - end, "the tensors do not fill the file");
  const again = readSafetensors(writeSafetensors(tensors), { wrappers: "keep" }).tensors;
  for (const [name, tensor] of tensors) {
    const copy = again.get(name);
    sound(copy !== undefined && printOf(copy) === printOf(tensor), `${name} changes when written`);
  }
  try {
    checkTensors(readSafetensors(bytes).tensors);
  } catch (error) {
    // Names of which some are wrapped and others are not may be refused.
    if (!(error instanceof FileFormatError && error.message.includes("wrappers"))) throw error;
  }
}
