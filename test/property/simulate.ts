import type { Id, Instruction, Program } from "./program.js";
import { Machine } from "./reference/machine.js";
import { ReferenceNetwork } from "./reference/network.js";
import { type Expected, expected, illConditioned, noise, noisyRuns } from "./reference/spread.js";
import {
  type Culprit,
  contentOf,
  MeaninglessProgram,
  type Ref,
  tracked,
  type Verdict,
} from "./reference/tensors.js";

/** What one instruction has to come to. */
export interface Expectation {
  readonly verdict: Verdict;
  /** What `read` and `grad` give; null where a leaf has no gradient, absent where it may be any. */
  readonly value?: Expected | null;
  /** Where it may fail: what the error may name. */
  readonly culprits: readonly Culprit[];
  /** Where it may fail: the tensors that are as they were all the same. */
  survivors(): ReadonlyMap<Id, Expected>;
}

/** A machine with names, which programs are run on. */
export class Interpreter {
  readonly #machine: Machine;
  readonly #refs = new Map<Id, Ref>();
  readonly #integers = new Set<Id>();
  readonly #network: ReferenceNetwork | undefined;
  #replays = 0;

  constructor(program: Omit<Program, "body">, releases: boolean, seed?: number) {
    const noisy = seed === undefined ? undefined : noise(seed);
    this.#machine = new Machine(releases, program.scoped, noisy);
    if (!program.network) return;
    this.#network = new ReferenceNetwork(this.#machine, program.network);
    for (const [id, ref] of this.#network.refs) this.#refs.set(id, ref);
  }

  /** Before the program runs again, with the leaves' next values, as when a recording is replayed. */
  replay(): void {
    this.#replays++;
    this.#machine.closeInner();
    this.#network?.trainAll();
  }

  get network(): ReferenceNetwork {
    if (!this.#network) throw new MeaninglessProgram("there is no network");
    return this.#network;
  }

  at(id: Id): Ref {
    const found = this.#refs.get(id);
    if (!found) throw new MeaninglessProgram(`${id} does not exist`);
    return found;
  }

  get culprits(): readonly Culprit[] {
    return this.#machine.culprits;
  }

  tracks(id: Id): boolean {
    return tracked(this.at(id));
  }

  /** Whether a leaf has a gradient that is certainly there. */
  hasGradient(id: Id): boolean {
    const { verdict, value } = this.#machine.grad(this.at(id));
    return verdict === "works" && value !== null && value !== undefined;
  }

  /** What lies in memory that is certainly there, with the results of ops or without. */
  survivors(results: boolean): Map<Id, Float64Array> {
    const certain = [...this.#refs].filter(
      ([, { block }]) => block.live && !block.doubtful && (results || !block.result),
    );
    return new Map(certain.map(([id, { block }]) => [id, block.data]));
  }

  run(i: Instruction): { verdict: Verdict; value?: Float64Array | null } {
    const machine = this.#machine;
    switch (i.do) {
      case "leaf": {
        const values = Float64Array.from(this.#replays > 0 ? i.next : i.values);
        if (i.kind === "integers") this.#integers.add(i.to);
        this.#refs.set(i.to, machine.leaf(i.shape, values, i.kind));
        return { verdict: "works" };
      }
      case "apply": {
        const inputs = i.of.map((id) => this.at(id));
        const { verdict, out } = machine.apply(i.op, inputs, i.noGrad);
        this.#refs.set(i.to, out);
        return { verdict };
      }
      case "forward": {
        const noGrad = i.how !== "recorded";
        const { verdict, out } = this.network.through(this.at(i.of), i.steps, noGrad);
        this.#refs.set(i.to, out);
        return { verdict };
      }
      case "mode":
        this.network.mode(i.module, i.training);
        return { verdict: "works" };
      case "step":
        return { verdict: this.network.step() };
      case "place":
        return { verdict: "works" };
      case "detach": {
        const { verdict, out } = machine.detach(this.at(i.of));
        this.#refs.set(i.to, out);
        return { verdict };
      }
      case "takeGrad": {
        const { verdict, out } = machine.takeGrad(this.at(i.of));
        this.#refs.set(i.to, out);
        return { verdict };
      }
      case "read": {
        const { verdict, value } = machine.read(this.at(i.of));
        return { verdict, value: value.data };
      }
      case "grad": {
        const { verdict, value } = machine.grad(this.at(i.of));
        return value === undefined ? { verdict } : { verdict, value: value?.data ?? null };
      }
      case "write": {
        const data = Float64Array.from(i.values);
        return { verdict: machine.write(this.at(i.of), data, this.#integers.has(i.of)) };
      }
      case "keep":
        return { verdict: machine.keep(this.at(i.of)) };
      case "release":
        return { verdict: machine.release(this.at(i.of)) };
      case "open":
        machine.open();
        return { verdict: "works" };
      case "close":
        machine.close();
        return { verdict: "works" };
      case "backward":
        return { verdict: machine.backward(this.at(i.loss), i.accumulate) };
      case "gradients": {
        const wrt = i.wrt.map((id) => this.at(id));
        const { verdict, out } = machine.gradients(this.at(i.loss), wrt);
        for (const [k, id] of i.to.entries()) this.#refs.set(id, out[k] as Ref);
        return { verdict };
      }
    }
  }

  contentOf(id: Id) {
    return contentOf(this.at(id));
  }
}

export interface Simulation {
  /** As many as the program certainly or possibly gets through. */
  readonly steps: readonly Expectation[];
  /** What lies in memory at the end, if nothing failed. */
  readonly end: ReadonlyMap<Id, Expected>;
}

/**
 * What every instruction has to come to, once or once for each replay.
 * @throws MeaninglessProgram when float32 could not compute it
 */
export function simulate(program: Program, releases: boolean, replays = 1): Simulation[] {
  const runs = interpreters(program, releases);
  return Array.from({ length: replays }, (_, replay) => {
    if (replay > 0) for (const run of runs) run.replay();
    return pass(program, releases, runs);
  });
}

function pass(program: Program, releases: boolean, runs: readonly Interpreter[]): Simulation {
  const steps: Expectation[] = [];
  for (const [k, instruction] of program.body.entries()) {
    const [exact, ...noisy] = runs.map((run) => run.run(instruction));
    if (!exact) break;
    const { verdict, value } = exact;
    const others = noisy.map((run) => run.value ?? undefined);
    steps.push({
      verdict,
      ...(value !== undefined && { value: value && merged(value, others) }),
      culprits: runs[0]?.culprits ?? [],
      survivors: () => survivorsBefore(program, releases, k),
    });
    if (verdict === "must fail") break;
  }
  return { steps, end: mergedMaps(runs.map((run) => run.survivors(true))) };
}

/** What is certainly there when instruction k fails, in the first run of a program. */
function survivorsBefore(program: Program, releases: boolean, k: number): Map<Id, Expected> {
  const runs = interpreters(program, releases);
  for (const i of program.body.slice(0, k)) for (const run of runs) run.run(i);
  const mayTakeResults = releases && program.body[k]?.do === "backward";
  return mergedMaps(runs.map((run) => run.survivors(!mayTakeResults)));
}

function interpreters(program: Program, releases: boolean): Interpreter[] {
  const seeds = [undefined, ...Array.from({ length: noisyRuns }, (_, k) => k + 1)];
  return seeds.map((seed) => new Interpreter(program, releases, seed));
}

const mergedMaps = ([certain, ...noisy]: readonly Map<Id, Float64Array>[]): Map<Id, Expected> =>
  new Map(
    [...(certain ?? [])].map(([id, data]) => {
      return [
        id,
        merged(
          data,
          noisy.map((run) => run.get(id)),
        ),
      ];
    }),
  );

function merged(data: Float64Array, noisy: readonly (Float64Array | undefined)[]): Expected {
  const found = expected(
    data,
    noisy.filter((o) => o !== undefined),
  );
  if (illConditioned(found)) throw new MeaninglessProgram("too sensitive for float32");
  return found;
}
