import { type Instruction, makes, type Program, reads } from "./program.js";
import { MeaninglessProgram } from "./reference/tensors.js";

/** What is wrong with a program; null if nothing is. */
export type Trial = (program: Program) => Promise<string | null>;

const mostTrials = 400;

/**
 * A smaller program that fails too: instructions are left out, the last first, or an op gives way to
 * one of its inputs, until nothing can go. Resolves to it and to how it fails.
 */
export async function shrink(program: Program, fault: string, trial: Trial) {
  let best = { program, fault };
  let trials = 0;
  for (let shrunk = true; shrunk && trials < mostTrials; ) {
    shrunk = false;
    for (let k = best.program.body.length - 1; k >= 0 && trials < mostTrials; k--) {
      for (const body of smaller(best.program.body, k)) {
        trials++;
        const found = await tried(trial, { ...best.program, body });
        if (found === null || kindOf(found) !== kindOf(fault)) continue;
        best = { program: { ...best.program, body }, fault: found };
        shrunk = true;
        break;
      }
    }
  }
  return best;
}

/** What a fault is about: a smaller program has to fail in the same way. */
const kindOf = (fault: string): string =>
  /thrown: \w+|failed: \w+|failed with|failed otherwise|dispatches|in use|parameter|without naming|went through|(a|no) gradient|is gone|element/.exec(
    fault,
  )?.[0] ?? "";

async function tried(trial: Trial, program: Program): Promise<string | null> {
  try {
    return await trial(program);
  } catch (error) {
    // An op that lost its input may not be one any more, nor fit the shapes it gets.
    if (error instanceof MeaninglessProgram || error instanceof RangeError) return null;
    throw error;
  }
}

/** The body without instruction k: with all that needs it, or with one of its inputs in its place. */
function* smaller(body: readonly Instruction[], k: number): Generator<Instruction[]> {
  const gone = body[k];
  if (!gone) return;
  const lost = new Set<string>();
  yield body.filter((i, at) => {
    if (at !== k && !reads(i).some((id) => lost.has(id))) return true;
    for (const id of makes(i)) lost.add(id);
    return false;
  });
  if (gone.do !== "apply" && gone.do !== "detach") return;
  for (const input of reads(gone)) {
    yield body.flatMap((i, at) => (at === k ? [] : [renamed(i, gone.to, input)]));
  }
}

function renamed(i: Instruction, from: string, to: string): Instruction {
  const swap = (id: string): string => (id === from ? to : id);
  switch (i.do) {
    case "apply":
      return { ...i, of: i.of.map(swap) };
    case "backward":
      return { ...i, loss: swap(i.loss) };
    case "gradients":
      return { ...i, loss: swap(i.loss), wrt: i.wrt.map(swap) };
    case "leaf":
    case "open":
    case "close":
    case "mode":
    case "step":
    case "place":
      return i;
    default:
      return { ...i, of: swap(i.of) };
  }
}
