import { floats, text, u32 } from "../support/bytes.js";
import { pickle, tensorPickle, torchLegacy, torchZip } from "../support/torch-file.js";

const { dict, get, int, mark, none, put, string } = pickle;

/** Files that ended wrongly once, each of a few hundred bytes; they are damaged further. */
export function hostilePyTorchFiles(): Uint8Array[] {
  const values = { 0: floats(1, 2) };
  const tensor = (shape: number[], strides?: number[]) =>
    pickle.program(
      dict([string("w"), tensorPickle({ shape, ...(strides && { strides }), count: 2 })]),
    );
  const doubled = new Array(24).fill([0x5d, ...get(0), 0x61, ...get(0), 0x61, ...put(0)]).flat();
  return [
    // A mark that became a key, which was joined into a message.
    torchZip(pickle.program([0x7d], mark, mark, put(0), [0x30], get(0), none, [0x75])),
    // Lists doubled 24 times, joined into a global's name.
    torchZip(pickle.program([0x5d], put(0), doubled, get(0), [0x93])),
    // A value's size that became NaN or negative, and one that lies in no storage.
    torchZip(tensor([2 ** 31 - 1, 2 ** 31 - 1, 0]), values),
    torchZip(tensor([-1]), values),
    torchZip(tensor([2 ** 30], [0]), values),
    // A storage that the list of storages lacks.
    torchLegacy(tensor([2])),
    torchLegacy(tensor([2]), { 0: [2, floats(1, 2)] }),
    Uint8Array.from([0x80, 2, 0x28, ...text("state"), ...int(1), ...u32(7)]),
  ];
}
