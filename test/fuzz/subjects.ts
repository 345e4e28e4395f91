import { readPyTorch } from "../../src/io/pytorch.js";
import { hostilePyTorchFiles } from "./corpus.js";
import type { Dice } from "./dice.js";
import { mutate } from "./mutate.js";
import { pickles, pytorchLegacy, pytorchZip } from "./pytorch.js";
import { safetensors } from "./safetensors.js";
import type { FuzzInput, Subject } from "./subject.js";
import { tar } from "./tar.js";
import { checkTensors } from "./tensors.js";
import { zip } from "./zip.js";

const known = hostilePyTorchFiles();

const corpus: Subject = {
  name: "corpus",
  make(dice: Dice): FuzzInput {
    const bytes = mutate(dice, dice.pick(known));
    return { bytes, expect: "either", read: () => checkTensors(readPyTorch(bytes)) };
  },
};

/** Every reader of files, in turn. */
export const SUBJECTS: readonly Subject[] = [
  ...[safetensors, zip, pytorchZip, pytorchLegacy, pickles, corpus, tar],
];
