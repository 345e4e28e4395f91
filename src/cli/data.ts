import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { CIFAR10_ARCHIVE, downloadCifar10 } from "../data/download-cifar10.js";
import { syntheticData } from "../data/synthetic.js";
import { encodeImages } from "../lab/report/image-file.js";
import { given, withFlags } from "./given.js";
import { Progress } from "./progress.js";

export function addData(program: Command): void {
  const data = program
    .command("data")
    .summary("fetch CIFAR-10, or write the synthetic images to files")
    .description("Fetches or writes sets of images.")
    .addHelpText(
      "after",
      "\nExamples\n  shiftgrad data cifar10 --out data\n  shiftgrad data synthetic --train 6000 --out data",
    );
  data
    .command("cifar10")
    .summary("download the official CIFAR-10 archive and unpack it")
    .description(
      `Downloads ${CIFAR10_ARCHIVE.url} (170 MB), checks its MD5 and unpacks it. A download that ` +
        "broke off is continued when the command runs again.",
    )
    .requiredOption("--out <dir>", "cifar-10-batches-bin is made in there")
    .option("--url <address>", "a mirror of the archive", CIFAR10_ARCHIVE.url)
    .action((options: { out: string; url: string }) => cifar10(options));
  const command = data
    .command("synthetic")
    .summary("write the synthetic images as safetensors files")
    .description(
      "Draws the synthetic set and writes train.safetensors and test.safetensors: images " +
        "[count, height, width, 3] and labels [count], both as u8, for other programs to read. " +
        "shiftgrad itself draws the set where it is asked for (--data synthetic).",
    )
    .requiredOption("--out <dir>", "where the files go")
    .action(({ out }: { out: string }, self: Command) => synthetic(out, given(self, said)));
  withFlags(command, said);
}

const said = { schema: syntheticData.options };

async function cifar10({ out, url }: { out: string; url: string }): Promise<void> {
  const progress = new Progress(process.stderr);
  progress.stage("downloading CIFAR-10");
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const path = await downloadCifar10(out, {
    url,
    onProgress: (received, total) =>
      progress.update(
        received,
        total ?? 0,
        `${megabytes(received)}${total ? ` of ${megabytes(total)}` : ""} MB`,
      ),
  });
  progress.end();
  process.stdout.write(`${path}\n`);
  process.stderr.write(`use it with: shiftgrad train --data cifar10:${path}\n`);
}

async function synthetic(out: string, options: Record<string, unknown>): Promise<void> {
  const sets = await syntheticData.open(options);
  await mkdir(out, { recursive: true });
  for (const part of ["train", "test"] as const) {
    const path = join(out, `${part}.safetensors`);
    await writeFile(path, encodeImages(sets[part]), { flag: "wx" });
    process.stdout.write(`${path}\n`);
  }
}
