import { text, u32 } from "../support/bytes.js";
import { pickle, tensorPickle } from "../support/torch-file.js";
import type { Dice } from "./dice.js";
import { NAMES } from "./tensors.js";

const { dict, get, global, int, list, mark, put, reduce, string, tuple } = pickle;

/** Pickles that grow, loop or nest without end, and programs of opcodes by chance. */
export function hostileProgram(dice: Dice): number[] {
  const body = dice.pick([growing, repeated, looping, nested, spread, byChance, byChance])(dice);
  const usual = dice.pick(["state_dict", "model", "a"]);
  return pickle.program(dice.once(2) ? body : dict([string(usual), body]));
}

const times = (count: number, part: readonly number[]): number[] =>
  new Array(count).fill(part).flat();

/** A list of a list of ... each twice: 2^n values that way, n in memory. */
function growing(dice: Dice): number[] {
  const double = [0x5d, ...put(0), 0x30, 0x5d, ...get(0), 0x61, ...get(0), 0x61, ...put(0)];
  const use = dice.pick([
    get(0),
    [...get(0), ...get(0), 0x93],
    [0x7d, ...get(0), 0x4e, 0x73],
    reduce(global("collections", "OrderedDict"), get(0)),
    tensorPickle({ shape: [1] }).concat(get(0), 0x62),
  ]);
  return [0x5d, ...put(0), ...times(dice.int(200), double), 0x30, ...use];
}

/** One large value, copied by each of many short calls. */
function repeated(dice: Dice): number[] {
  const pairs = list(...Array.from({ length: dice.int(3000) }, () => tuple(int(1), int(2))));
  const copy = reduce([...get(1)], [...get(0)]);
  const many = [...mark, ...times(dice.int(3000), [...copy, 0x30]), 0x74];
  return [
    ...pairs,
    ...put(0),
    0x30,
    ...global("collections", "OrderedDict"),
    ...put(1),
    0x30,
    ...many,
  ];
}

/** A dict that holds itself under all the names that are searched. */
function looping(dice: Dice): number[] {
  const keys = ["state_dict", "model", "net", "netC", "module", "a"];
  const self = keys.map((key) => [...string(key), ...get(0)]);
  const tensor = dice.once(2) ? [...string("w"), ...tensorPickle({ shape: [dice.int(9)] })] : [];
  return [0x7d, ...put(0), ...mark, ...self.flat(), ...tensor, 0x75];
}

function nested(dice: Dice): number[] {
  const [open, close] = dice.pick([
    [[0x29], [0x85]],
    [[0x7d], [...string("model"), 0x7d, 0x73]],
    [[0x5d], [0x85, 0x86]],
    [[0x28], [0x74]],
  ] as const);
  const depth = dice.int(20_000);
  const inner = [...times(dice.once(2) ? depth : 1, open), ...times(depth, close)];
  return dice.once(2) ? inner : [0x7d, ...inner, 0x4e, 0x73];
}

/** Many tensors over one storage, of sizes and strides that are too much together. */
function spread(dice: Dice): number[] {
  const count = dice.pick([16, 2 ** 20, 2 ** 31 - 1]);
  const shape = [dice.size() % 2 ** 31, dice.int(5)];
  const tensor = tensorPickle({ shape, strides: [dice.int(3), dice.int(3)], count });
  const names = Array.from({ length: dice.int(2000) }, (_, i): [number[], number[]] => [
    string(`w${i}`),
    [...get(0)],
  ]);
  return dict([string("w"), [...tensor, ...put(0)]], ...names);
}

const SINGLE = [
  ...[0x28, 0x29, 0x2e, 0x30, 0x31, 0x32, 0x4e, 0x51, 0x52, 0x5d, 0x61, 0x62, 0x65, 0x73, 0x74],
  ...[0x75, 0x7d, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94],
];

function byChance(dice: Dice): number[] {
  const opcode = (): number[] => {
    if (dice.int(5) > 1) return [dice.pick(SINGLE)];
    const bytes = [...dice.bytes(dice.int(6))];
    return dice.pick([
      () => int(dice.size()),
      () => string(dice.pick(NAMES)),
      () => [0x71, dice.int(4)],
      () => [0x68, dice.int(4)],
      () => global("collections", "OrderedDict"),
      () => global("torch._utils", dice.pick(["_rebuild_tensor_v2", "_rebuild_parameter", "x"])),
      () => global("torch", dice.pick(["FloatStorage", "Size", "OddStorage"])),
      () => tensorPickle({ shape: [dice.size() % 2 ** 31], count: dice.int(20) }),
      () => [0x8a, bytes.length, ...bytes],
      () => [0x58, ...u32(dice.size()), ...text("abc")],
      () => [dice.int(256), ...bytes],
    ])();
  };
  return Array.from({ length: dice.int(120) }, opcode).flat();
}
