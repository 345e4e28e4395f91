import type { Device, Recording } from "../../src/device/device.js";
import { empty } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { badFailure, look } from "./execute.js";
import { Library, typed } from "./library.js";
import type { Id, Instruction, Program } from "./program.js";
import type { Simulation } from "./simulate.js";

/**
 * Records everything but the leaves and replays it with the leaves' values and with the next ones;
 * what is read is copied to memory of its own. A program that does something illegal may be refused
 * when it is recorded, which then leaves everything as it was, or when it is replayed. Resolves to
 * what is wrong, or null.
 */
export async function runReplayed(
  device: Device,
  program: Program,
  runs: readonly Simulation[],
  releases: boolean,
): Promise<string | null> {
  const library = new Library(device, program, releases);
  const made: Recorded[] = [];
  let fault: string | null = null;
  let compared: Promise<string | null> = Promise.resolve(null);
  try {
    for (const i of program.body) if (i.do === "leaf") library.leaf(i);
    for (let again = true; again && !fault; ) {
      if (program.network) library.network.trainAll(); // modes are no part of a recording
      const recorded = record(library, program, runs[0] as Simulation);
      made.push(recorded);
      fault = recorded.fault;
      if (fault) break;
      if (recorded.recording) again = !replay(library, program, recorded, runs, made.length > 1);
      else {
        untouched(library, program);
        again = false;
      }
    }
    compared = library.compare();
  } finally {
    for (const { recording, copies } of made) {
      for (const { copy } of copies) if (copy.live) copy.release();
      recording?.release();
    }
    library.close();
  }
  return fault ?? (await compared);
}

interface Recorded {
  /** Absent where it was refused. */
  readonly recording?: Recording;
  readonly copies: readonly { readonly k: number; readonly what: string; readonly copy: Tensor }[];
  readonly fault: string | null;
}

function record(library: Library, { body }: Program, { steps }: Simulation): Recorded {
  const { device } = library;
  const copies: { k: number; what: string; copy: Tensor }[] = [];
  let fault: string | null = null;
  let at = 0;
  const run = (i: Instruction, k: number): void => {
    if (i.do === "leaf") return;
    if (i.do !== "read" && i.do !== "grad") {
      library.run(i);
      if (steps[k]?.verdict === "must fail") fault ??= `instruction ${k} went through`;
      return;
    }
    if (steps[k]?.value === undefined) return;
    const x = i.do === "read" ? library.at(i.of) : library.at(i.of).grad;
    const there = x !== undefined;
    if (there !== (steps[k]?.value !== null)) {
      fault ??= `instruction ${k}: ${i.of} has ${there ? "a" : "no"} gradient`;
    }
    if (!x?.live) return;
    const copy = empty(device, x.shape, x.dtype).keep();
    device.run("copy", { src: x.slice, dst: copy.slice });
    copies.push({ k, what: `instruction ${k}, ${i.do} ${i.of}`, copy });
  };
  try {
    const recording = device.capture(() => {
      using _ = device.scope();
      try {
        for (; at < steps.length; at++) run(body[at] as Instruction, at);
      } finally {
        library.closeInner();
      }
    });
    return { recording, copies, fault };
  } catch (error) {
    const [i, step] = [body[at], steps[at]];
    if (!i || !step) throw error;
    const bad = badFailure(i, error, step);
    return { copies, fault: fault ?? (bad && `instruction ${at} ${bad}`) };
  }
}

/** After a recording that was refused everything is as it was before. */
function untouched(library: Library, { body, network }: Program): void {
  const was: [Id, readonly number[]][] = [...(network?.values ?? [])].map(([id, v]) => [
    id,
    v.data,
  ]);
  for (const i of body) if (i.do === "leaf") was.push([i.to, i.values]);
  for (const [id, values] of was) {
    if (!library.at(id).live) continue;
    look(library, `${id} after a refused recording`, id, {
      data: Float64Array.from(values),
      spread: 0,
    });
  }
}

/**
 * False if it has to be recorded again: Adam finds out while it is recorded which parameters take the
 * same steps, and may ask for that, once, before anything was replayed.
 */
function replay(
  library: Library,
  { body, network }: Program,
  { recording, copies }: Recorded,
  runs: readonly Simulation[],
  isSecond: boolean,
): boolean {
  const leaves = body.filter((i) => i.do === "leaf");
  for (const [round, { steps, end }] of runs.entries()) {
    if (round > 0) for (const i of leaves) library.at(i.to).write(i.next);
    try {
      recording?.replay();
    } catch (error) {
      if (!isSecond && round === 0 && asksToRecordAgain(error)) return false;
      if (typed(error) && steps.some(({ verdict }) => verdict !== "works")) return true;
      throw error;
    }
    for (const { k, what, copy } of copies) {
      const value = steps[k]?.value;
      if (value) library.expect(`replay ${round}: ${what}`, copy, value);
    }
    for (const id of [...leaves.map(({ to }) => to), ...(network?.values.keys() ?? [])]) {
      const expected = end.get(id);
      if (expected) look(library, `replay ${round}: ${id} at the end`, id, expected);
    }
  }
  return true;
}

const asksToRecordAgain = (error: unknown): boolean =>
  typed(error) && error.name === "GradientError" && error.message.includes("capture it again");
