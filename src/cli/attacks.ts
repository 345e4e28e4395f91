import type { Command } from "commander";
import { type Attack, attacks, triggered } from "../attacks/index.js";
import { subset } from "../data/image-source.js";
import { type Invisibility, invisibility } from "../lab/examination/invisibility.js";
import { dataChoice } from "../lab/records/configuration.js";
import { openData } from "../lab/victims/data-source.js";
import { settings } from "../schema/index.js";
import { columns } from "./columns.js";
import { describe, given, usage, withFlags } from "./given.js";

const said = { schema: settings("attacks", { data: dataChoice }) };

/** Test images that triggers are measured on. */
const measured = 200;

export function addAttacks(program: Command): void {
  const command = program
    .command("attacks")
    .summary("list the attacks: what they assume, and how visible their triggers are")
    .description(
      "Lists the attacks with what they assume, and measures their triggers on test images, with " +
        "each attack's default settings.\n\n" +
        "  L2     length of the change, grey levels being 0 to 1\n" +
        "  Linf   largest change of a byte\n" +
        "  PSNR   peak signal-to-noise ratio in dB; above 30 a change is hard to see\n" +
        "  SSIM   structural similarity, 1 for equal images",
    )
    .option("--json", "print the list as JSON");
  withFlags(command, said)
    .addHelpText(
      "after",
      () => `
Attacks, and the settings that train --attack-option takes
${describe(attacks, { options: true })}`,
    )
    .action(({ json }: { json?: boolean }, self: Command) => list(json ?? false, self));
}

async function list(json: boolean, self: Command): Promise<void> {
  const { data } = usage(self, () => said.schema.fill(given(self, said)));
  const { test } = await openData(data);
  const images = subset(
    test,
    Uint32Array.from({ length: Math.min(measured, test.labels.length) }, (_, i) => i),
  );
  const rows = [];
  for (const definition of attacks) {
    const { name, title, kind, doc, source, prepare } = definition;
    const made = prepare ? null : await definition.make(images).catch((error: Error) => error);
    const found = made instanceof Error || !made ? null : await measure(made, images);
    rows.push({
      ...{ name, title, label: kind === "clean-label" ? "clean" : "dirty", doc, source },
      access: accessOf(made, prepare !== undefined),
      ...(made instanceof Error && { refused: made.message }),
      invisibility: found,
    });
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const table = rows.map(({ name, label, access, invisibility: found }) => [
    ...[name, label, access],
    ...(found
      ? [
          found.l2.toFixed(2),
          found.lInfinity.toFixed(0),
          found.psnr.toFixed(1),
          found.ssim.toFixed(3),
        ]
      : ["", "", "", ""]),
  ]);
  const head = ["attack", "label", "needs", "L2", "Linf", "PSNR", "SSIM"];
  process.stdout.write(`${columns([head, ...table]).join("\n")}\n`);
  process.stderr.write(`on ${images.labels.length} images of ${test.name}\n`);
}

/** What an attacker must be able to do. */
function accessOf(made: Attack | Error | null, prepared: boolean): string {
  if (made && !(made instanceof Error) && made.inLoop) return "the training";
  return prepared ? "the images, a model" : "the images";
}

async function measure(
  attack: Attack,
  images: Parameters<typeof triggered>[0],
): Promise<Invisibility> {
  // To all other classes, so that every image counts.
  const kind = attack.kind === "clean-label" ? "all-to-one" : "all-to-all";
  const { set, indices } = await triggered(images, attack, { target: 0, mapping: kind });
  const clean = subset(images, indices);
  if (!("images" in set) || !("images" in clean)) throw new Error("images in memory were expected");
  return invisibility(clean, set);
}
