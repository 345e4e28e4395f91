import { text as textField } from "../schema/index.js";
import { defineData, type TrainAndTest } from "./definition.js";
import { directory, type ReadFile } from "./directory.js";
import { type ImageSet, imageSet } from "./image-set.js";
import { readPlanarRecords } from "./planar.js";

export const CIFAR10_FILES = {
  classes: "batches.meta.txt",
  train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
  test: ["test_batch.bin"],
} as const;

const SHAPE = { height: 32, width: 32, channels: 3 } as const;
const RECORDS_A_FILE = 10_000;
const FILE_BYTES = RECORDS_A_FILE * (1 + 32 * 32 * 3);

/** The constants that published CIFAR-10 backdoor work normalises with. */
export const CIFAR10_NORMALISATION = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.243, 0.261],
} as const;

/**
 * Reads CIFAR-10 (50,000 training and 10,000 test images) in its official binary layout.
 * @param readFile gives the files of `cifar-10-batches-bin` by name
 * @throws Error that names the file when one is missing, has a wrong size or a label above 9
 */
export async function cifar10(readFile: ReadFile): Promise<TrainAndTest> {
  const text = new TextDecoder().decode(await readNamed(readFile, CIFAR10_FILES.classes));
  const classes = text.split(/\r?\n/).filter((line) => line !== "");
  if (classes.length !== 10) {
    throw new Error(`CIFAR-10: ${CIFAR10_FILES.classes} has ${classes.length} class names, not 10`);
  }
  return {
    train: await readSplit(readFile, "cifar10-train", CIFAR10_FILES.train, classes),
    test: await readSplit(readFile, "cifar10-test", CIFAR10_FILES.test, classes),
  };
}

export const cifar10Data = defineData({
  name: "cifar10",
  title: "CIFAR-10",
  doc: "the unpacked binary version",
  source: "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
  options: {
    directory: textField({ doc: "the folder cifar-10-batches-bin", placeholder: "dir" }),
  },
  open: (options) => cifar10(directory(options.directory)),
});

async function readSplit(
  readFile: ReadFile,
  name: string,
  files: readonly string[],
  classes: readonly string[],
): Promise<ImageSet> {
  const count = files.length * RECORDS_A_FILE;
  const images = new Uint8Array(count * 32 * 32 * 3);
  const labels = new Uint32Array(count);
  for (const [i, file] of files.entries()) {
    const data = await readNamed(readFile, file);
    if (data.length !== FILE_BYTES) {
      throw new Error(
        `CIFAR-10: ${file} has ${data.length} bytes, expected ${FILE_BYTES} ` +
          "(10,000 records of 3,073); fetch the binary version of the set again",
      );
    }
    readPlanarRecords(data, SHAPE, images, labels, i * RECORDS_A_FILE);
    const stray = labels.findIndex((label) => label > 9);
    if (stray >= 0) {
      throw new Error(
        `CIFAR-10: record ${stray - i * RECORDS_A_FILE} of ${file} has label ${labels[stray]}, ` +
          "expected 0 .. 9; this is not the binary version for ten classes",
      );
    }
  }
  return imageSet({ name, images, labels, classes, ...SHAPE, ...CIFAR10_NORMALISATION });
}

async function readNamed(readFile: ReadFile, file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `CIFAR-10: cannot read ${file} (${reason}); the folder must hold the unpacked ` +
        "cifar-10-binary.tar.gz, that is data_batch_1.bin .. data_batch_5.bin, test_batch.bin " +
        "and batches.meta.txt",
      { cause },
    );
  }
}
