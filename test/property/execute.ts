import type { Device, Recording } from "../../src/device/device.js";
import { ReleasedError } from "../../src/device/errors.js";
import { empty } from "../../src/tensor/create.js";
import { formatShape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { Library, typed } from "./library.js";
import type { Id, Instruction, Program } from "./program.js";
import type { Expected } from "./reference/spread.js";
import type { Expectation, Simulation } from "./simulate.js";

const uses = new Set(["apply", "detach", "keep", "release", "write"]);

/** What is wrong with an instruction's failing; null if it may fail so. */
function badFailure(i: Instruction, error: unknown, { verdict, culprits }: Expectation) {
  if (verdict === "works") return `failed: ${error}`;
  if (!typed(error)) return `failed with an error of no type of its own: ${error}`;
  if (uses.has(i.do) && !(error instanceof ReleasedError)) return `failed otherwise: ${error}`;
  if (verdict === "must fail" || (i.do !== "backward" && i.do !== "gradients")) return null;
  const named = culprits.some(
    ({ op, shapes }) =>
      error.message.includes(op) &&
      (shapes.length === 0 || shapes.some((s) => error.message.includes(formatShape(s)))),
  );
  if (named) return null;
  const ops = culprits.map(({ op, shapes }) => `${op} ${shapes.map(formatShape)}`);
  return `failed without naming op and tensor (${ops.join("; ")}): ${error}`;
}

export interface Outcome {
  /** What is wrong; null if nothing is. */
  readonly fault: string | null;
  /** Dispatches of each call of `gradients`. */
  readonly work: readonly number[];
}

/** Runs a program as it stands. */
export async function runEager(
  device: Device,
  program: Program,
  simulation: Simulation,
  releases: boolean,
): Promise<Outcome> {
  const { bytesInUse } = device.counters;
  const library = new Library(device, program, releases);
  let fault: string | null;
  let compared: Promise<string | null>;
  try {
    fault = walk(library, program.body, simulation);
    compared = library.compare();
  } finally {
    library.close();
  }
  fault ??= (await compared) ?? library.countFault;
  const left = device.counters.bytesInUse - bytesInUse;
  if (program.scoped && left !== 0) fault ??= `${left} bytes are still in use after the program`;
  return { fault, work: library.work };
}

/** All instructions up to one that fails, and a look at what has to be there then. */
function walk(library: Library, body: readonly Instruction[], { steps, end }: Simulation) {
  let survivors = end;
  for (const [k, expectation] of steps.entries()) {
    const i = body[k] as Instruction;
    const where = `instruction ${k}`;
    try {
      const fault = step(library, i, where, expectation);
      if (fault) return fault;
    } catch (error) {
      const fault = badFailure(i, error, expectation);
      if (fault) return `${where} ${fault}`;
      survivors = expectation.survivors();
      break;
    }
    if (expectation.verdict === "must fail" && i.do !== "read") return `${where} went through`;
  }
  for (const [id, expected] of survivors) {
    if (library.has(id)) look(library, `${id} at the end`, id, expected);
  }
  return null;
}

/** One instruction; what it reads is compared later. A read that may fail ends nothing. */
function step(library: Library, i: Instruction, where: string, { verdict, value }: Expectation) {
  if (i.do === "leaf") {
    library.leaf(i);
  } else if (i.do === "grad") {
    const { grad } = library.at(i.of);
    const there = grad !== undefined;
    if (there !== (value !== null)) {
      return `${where}: ${i.of} has ${there ? "a" : "no"} gradient, and should have ${there ? "none" : "one"}`;
    }
    if (grad && value && (grad.live || verdict === "works")) {
      library.expect(`${where}, the gradient of ${i.of}`, grad, value);
    }
  } else if (i.do === "read") {
    const x = library.at(i.of);
    if (verdict === "must fail" || (verdict === "may fail" && !x.live)) {
      library.expectRefusal(`${where}, ${i.of}`, x);
    } else if (value) library.expect(`${where}, ${i.of}`, x, value);
  } else {
    library.run(i);
  }
  return null;
}

const look = (library: Library, what: string, id: Id, expected: Expected): void =>
  library.expect(what, library.at(id), expected);

/**
 * Records everything but the leaves and replays it with the leaves' values and with the next ones;
 * what is read is copied to memory of its own. Resolves to what is wrong, or null.
 */
export async function runReplayed(
  device: Device,
  program: Program,
  runs: readonly [Simulation, Simulation],
  releases: boolean,
): Promise<string | null> {
  const library = new Library(device, program, releases);
  const made: Recorded[] = [];
  let fault: string | null = null;
  let compared: Promise<string | null> = Promise.resolve(null);
  try {
    for (const i of program.body) if (i.do === "leaf") library.leaf(i);
    for (let again = true; again && !fault; ) {
      const recorded = record(library, program, runs[0]);
      made.push(recorded);
      fault = recorded.fault;
      if (!fault) again = !replay(library, program, recorded, runs, made.length > 1);
    }
    compared = library.compare();
  } finally {
    for (const { recording, copies } of made) {
      for (const { copy } of copies) copy.release();
      recording.release();
    }
    library.close();
  }
  return fault ?? (await compared);
}

interface Recorded {
  readonly recording: Recording;
  readonly copies: readonly { readonly k: number; readonly what: string; readonly copy: Tensor }[];
  readonly fault: string | null;
}

function record(library: Library, { body }: Program, { steps }: Simulation): Recorded {
  const { device } = library;
  const copies: { k: number; what: string; copy: Tensor }[] = [];
  let fault: string | null = null;
  const recording = device.capture(() => {
    using _ = device.scope();
    for (const [k, i] of body.entries()) {
      if (i.do === "leaf") continue;
      if (i.do !== "read" && i.do !== "grad") {
        library.run(i);
        continue;
      }
      const x = i.do === "read" ? library.at(i.of) : library.at(i.of).grad;
      const there = x !== undefined;
      if (there !== (steps[k]?.value !== null)) {
        fault ??= `instruction ${k}: ${i.of} has ${there ? "a" : "no"} gradient`;
      }
      if (!x?.live) continue;
      const copy = empty(device, x.shape, x.dtype).keep();
      device.run("copy", { src: x.slice, dst: copy.slice });
      copies.push({ k, what: `instruction ${k}, ${i.do} ${i.of}`, copy });
    }
    library.closeInner();
  });
  return { recording, copies, fault };
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
      recording.replay();
    } catch (error) {
      if (isSecond || round > 0 || !asksToRecordAgain(error)) throw error;
      return false;
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
