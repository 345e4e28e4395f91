import type { Device } from "../../src/device/device.js";
import { ReleasedError } from "../../src/device/errors.js";
import { formatShape } from "../../src/tensor/shape.js";
import { Library, typed } from "./library.js";
import type { Id, Instruction, Program } from "./program.js";
import type { Expected } from "./reference/spread.js";
import type { Expectation, Simulation } from "./simulate.js";

const uses = new Set(["apply", "detach", "keep", "release", "write"]);

/** What is wrong with an instruction's failing; null if it may fail so. */
export function badFailure(i: Instruction, error: unknown, { verdict, culprits }: Expectation) {
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
    if (value === undefined) return null;
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

export const look = (library: Library, what: string, id: Id, expected: Expected): void =>
  library.expect(what, library.at(id), expected);
