import { ELEMENTS, type ElementType } from "../../src/io/element-types.js";
import { readPyTorch } from "../../src/io/pytorch.js";
import {
  pickle,
  rowMajor,
  type TensorMaking,
  tensorPickle,
  torchLegacy,
  torchZip,
} from "../support/torch-file.js";
import type { Dice } from "./dice.js";
import { mutate } from "./mutate.js";
import { hostileProgram } from "./programs.js";
import { type FuzzInput, type Subject, sound } from "./subject.js";
import { checkTensors, printOf, product, smallShape, someNames, valuesOf } from "./tensors.js";

const { build, dict, get, global, int, list, newObject, none, reduce, string, tuple } = pickle;

/** PyTorch's storages of types whose bits stay as they are. */
const STORAGES: readonly (readonly [string, ElementType])[] = [
  ["FloatStorage", "F32"],
  ["DoubleStorage", "F64"],
  ["LongStorage", "I64"],
  ["IntStorage", "I32"],
  ["ShortStorage", "I16"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["BoolStorage", "BOOL"],
];

interface Made {
  /** The dict of tensors, as a program. */
  readonly state: number[];
  readonly storages: Record<string, Uint8Array>;
  readonly counts: Record<string, number>;
  /** What a reader must make of it, by name; null when it must refuse it. */
  readonly right: ReadonlyMap<string, string> | null;
}

/** Tensors with their own storages or parts of a common one, some strided. */
function makeState(dice: Dice): Made {
  const storages: Record<string, Uint8Array> = {};
  const counts: Record<string, number> = {};
  const right = new Map<string, string>();
  let wrong = false;
  const items = someNames(dice, dice.once(50) ? 14 : 5).map((name, i): [number[], number[]] => {
    const [storage, type] = dice.pick(STORAGES);
    const shape = smallShape(dice);
    const strides = rowMajor(shape).map((stride) => (dice.once(4) ? dice.int(3) : stride));
    let offset = dice.int(3);
    const reach = shape.reduce((sum, extent, d) => sum + (extent - 1) * (strides[d] ?? 0), offset);
    const count = Math.max(product(shape) === 0 ? 0 : reach + 1, dice.int(4));
    const bytes = valuesOf(dice, type, count);
    if (type === "BOOL" && dice.once(4)) bytes.fill(3);
    const stray = product(shape) > 0 && dice.once(15);
    if (stray) offset += count - reach;
    wrong ||= stray || (product(shape) > 0 && type === "BOOL" && bytes.includes(3));
    const key = String(i);
    storages[key] = bytes;
    counts[key] = count;
    right.set(name, strided(type, shape, strides, offset, bytes));
    const making = { shape, strides, offset, storage, key, count };
    if (!dice.once(40)) return [string(name), tensorPickle(making)];
    wrong = true;
    return [string(name), tensorPickle({ ...making, ...unlikely(dice, shape, strides) })];
  });
  const known = wrong || right.size === 0 ? null : right;
  return { state: dict(...items), storages, counts, right: known };
}

/** A shape and strides that no tensor has. */
function unlikely(
  dice: Dice,
  shape: readonly number[],
  strides: readonly number[],
): Pick<TensorMaking, "shape" | "strides"> {
  return dice.pick([
    { shape: [...shape, -1], strides: [...strides, 1] },
    { shape: [...shape, 1], strides: [...strides, -1] },
    { shape: [...shape, 1], strides },
    { shape: new Array(65).fill(1), strides: new Array(65).fill(1) },
  ]);
}

/** What printOf gives, by the definition of strides. */
function strided(
  type: ElementType,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  bytes: Uint8Array,
): string {
  const size = ELEMENTS[type].bits / 8;
  const values: Uint8Array[] = [];
  const walk = (d: number, at: number): void => {
    if (d === shape.length) values.push(bytes.subarray(at * size, (at + 1) * size));
    else for (let i = 0; i < (shape[d] ?? 0); i++) walk(d + 1, at + i * (strides[d] ?? 0));
  };
  walk(0, offset);
  return `${ELEMENTS[type].dtype}[${shape}] ${Buffer.concat(values).toString("hex")}`;
}

/** What checkpoints keep beside the weights. */
function beside(dice: Dice): [number[], number[]] {
  const scalar = reduce(global("numpy.core.multiarray", "scalar"), global("numpy", "dtype"), none);
  const args = build(newObject(global("argparse", "Namespace")), dict([string("lr"), int(1)]));
  return [
    string(`beside${dice.int(9)}`),
    dice.pick([int(3), none, scalar, args, list(args, tuple())]),
  ];
}

/** The state as the file's own dict, or under a usual key with other things beside it. */
function makeProgram(dice: Dice, { state }: Made): { program: number[]; key: string } {
  const key = dice.pick(["", "state_dict", "net", "model"]);
  if (key === "") return { program: pickle.program(state), key };
  const others = Array.from({ length: dice.int(3) }, () => beside(dice));
  return { program: pickle.program(dict([string(key), state], ...others)), key };
}

function readAndCompare(bytes: Uint8Array, key: string, right: Made["right"]): void {
  const tensors = readPyTorch(bytes, { key, wrappers: "keep" });
  checkTensors(tensors);
  if (right === null) return;
  const found = new Map([...tensors].map(([name, tensor]) => [name, printOf(tensor)]));
  sound(found.size === right.size, `${found.size} tensors for ${right.size}`);
  for (const [name, print] of right) sound(found.get(name) === print, `${name} has other values`);
}

/** Zip archives with checksums: whatever is read of a damaged one are the values that were saved. */
export const pytorchZip: Subject = {
  name: "pytorch-zip",
  make(dice: Dice): FuzzInput {
    const made = makeState(dice);
    const { program, key } = makeProgram(dice, made);
    const zip64 = dice.once(3);
    const file = torchZip(program, made.storages, { zip64, comment: "x".repeat(dice.int(3)) });
    const damaged = dice.once(2);
    const bytes = damaged ? mutate(dice, file) : file;
    const known = made.right ? "right" : "wrong";
    const read = () => readAndCompare(bytes, key, made.right);
    return { bytes, expect: damaged ? "either" : known, read };
  },
};

/** The format without checksums: what is read of a damaged file fits together. */
export const pytorchLegacy: Subject = {
  name: "pytorch-legacy",
  make(dice: Dice): FuzzInput {
    const made = makeState(dice);
    const { program, key } = makeProgram(dice, made);
    const storages = Object.entries(made.storages).map(
      ([name, bytes]): [string, [number, Uint8Array]] => [name, [made.counts[name] ?? 0, bytes]],
    );
    const file = torchLegacy(program, Object.fromEntries(storages));
    if (!dice.once(2)) {
      const read = () => readAndCompare(file, key, made.right);
      return { bytes: file, expect: made.right ? "right" : "wrong", read };
    }
    const bytes = mutate(dice, file);
    return { bytes, expect: "either", read: () => checkTensors(readPyTorch(bytes)) };
  },
};

/** Programs that no honest pickler writes, with checksums that are right. */
export const pickles: Subject = {
  name: "pickles",
  make(dice: Dice): FuzzInput {
    const made = makeState(dice);
    if (dice.once(10)) {
      // A value is taken where none is yet, or recalled that was not kept.
      const { program } = makeProgram(dice, made);
      const takers = [0x30, 0x85, 0x86, 0x87, 0x61, 0x73, 0x52, 0x62, 0x93, 0x94, 0x74];
      const early = dice.pick([...takers.map((opcode) => [opcode]), [...get(200), 0x30]]);
      const bytes = torchZip(
        [...program.slice(0, 2), ...early, ...program.slice(2)],
        made.storages,
      );
      return { bytes, expect: "wrong", read: () => readPyTorch(bytes) };
    }
    const program = dice.once(2)
      ? [...mutate(dice, Uint8Array.from(makeProgram(dice, made).program))]
      : hostileProgram(dice);
    const bytes = dice.once(5)
      ? torchLegacy(program)
      : torchZip(program, { ...made.storages, 0: dice.bytes(64) });
    return { bytes, expect: "either", read: () => checkTensors(readPyTorch(bytes)) };
  },
};
