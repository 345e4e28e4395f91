import type { Device } from "../../src/device/device.js";
import { runEager } from "./execute.js";
import { type Id, type Program, printed } from "./program.js";
import { MeaninglessProgram, type Verdict } from "./reference/tensors.js";
import { runReplayed } from "./replay.js";
import { shrink } from "./shrink.js";
import { type Simulation, simulate } from "./simulate.js";

/** A way to run a program; none may change a number. It resolves to what is wrong, or to null. */
interface Way {
  readonly name: string;
  fault(device: Device, program: Program): Promise<string | null>;
}

const eager = (release: boolean): Way => ({
  name: release ? "eager, release" : "eager",
  async fault(device, program) {
    const [once] = simulated(program, release, 1) as [Simulation];
    return (await runEager(device, program, once, release)).fault;
  },
});

/**
 * What writes, releases a leaf or adds to gradients from before is no step to be recorded. A program
 * that has to fail is recorded for that alone.
 */
const replayed = (release: boolean): Way => ({
  name: release ? "replayed, release" : "replayed",
  async fault(device, program) {
    const inScope = { ...program, scoped: true };
    const first = program.body.find((i) => i.do === "backward");
    if (first?.accumulate || program.body.some((i) => i.do === "write")) return null;
    const [once] = simulated(inScope, release, 1) as [Simulation];
    const fails = once.steps.some(({ verdict }) => verdict === "must fail");
    if (!program.body.every((i) => i.do !== "leaf" || once.end.has(i.to))) return null;
    const runs = fails ? [once] : simulated(inScope, release, 2);
    return runReplayed(device, inScope, runs, release);
  },
});

/** `gradients` dispatches no more than where nothing else has a gradient. */
const sparing: Way = {
  name: "gradients of what is asked for",
  async fault(device, program) {
    const call = program.body.find((i) => i.do === "gradients");
    const leaves = new Set(program.body.flatMap((i) => (i.do === "leaf" ? [i.to] : [])));
    if (!call?.wrt.every((id) => leaves.has(id))) return null;
    const whole = until(program, call.wrt, call);
    if (whole.body.some((i) => i.do === "takeGrad")) return null; // it comes from another pass
    const lean = until(program, call.wrt, call, "constant");
    const work: (readonly number[])[] = [];
    for (const each of [whole, lean]) {
      const [once] = simulated(each, false, 1) as [Simulation];
      if (!once.steps.every(({ verdict }) => verdict === "works")) return null;
      const outcome = await runEager(device, each, once, false);
      if (outcome.fault) return outcome.fault;
      work.push(outcome.work);
    }
    const [[spent = 0], [needed = 0]] = work as [number[], number[]];
    return spent > needed ? `${spent} dispatches for gradients that take ${needed}` : null;
  },
};

/** The program up to a call of `gradients`, without other passes; other leaves may be constants. */
function until(
  program: Program,
  wrt: readonly Id[],
  call: Program["body"][number],
  others: "parameter" | "constant" = "parameter",
): Program {
  const body = program.body.slice(0, program.body.indexOf(call) + 1).flatMap((i) => {
    if (i.do === "backward" || i.do === "grad" || i.do === "read") return [];
    if (i.do !== "leaf" || i.kind !== "parameter" || wrt.includes(i.to)) return [i];
    return [{ ...i, kind: others }];
  });
  return { ...program, body };
}

/** Both devices run the same programs, and several ways need the same simulation. */
const known = new WeakMap<Program["body"], Map<string, Simulation[]>>();

function simulated(program: Program, release: boolean, replays: number): Simulation[] {
  const key = `${program.scoped} ${release} ${replays}`;
  const ofProgram = known.get(program.body) ?? new Map<string, Simulation[]>();
  known.set(program.body, ofProgram);
  const found = ofProgram.get(key) ?? simulate(program, release, replays);
  ofProgram.set(key, found);
  return found;
}

/** How the steps of a program may end where backward passes release. */
export const verdicts = (program: Program): Verdict[] =>
  simulated(program, true, 1).flatMap(({ steps }) => steps.map(({ verdict }) => verdict));

const ways: readonly Way[] = [eager(false), eager(true), replayed(false), replayed(true), sparing];

/** Runs a program in every way; resolves to a report on the first way that fails, or to null. */
export async function check(device: Device, program: Program): Promise<string | null> {
  for (const { name, fault } of ways) {
    const attempt = (p: Program) => fault(device, p).catch((error) => thrown(error));
    const found = await attempt(program);
    if (found === null) continue;
    const small = await shrink(program, found, attempt);
    return `${device.kind}, ${name}: ${small.fault}\n${printed(small.program)}`;
  }
  return null;
}

/** An error where none is foreseen is a fault too, but that of a program that means nothing. */
function thrown(error: unknown): string {
  if (error instanceof MeaninglessProgram) throw error;
  return `thrown: ${error instanceof Error ? error.stack : error}`;
}
