import type { Program } from "./program.js";
import { Choices } from "./random.js";
import { MeaninglessProgram } from "./reference/tensors.js";
import { simulate } from "./simulate.js";

const attempts = 200;

/** The program of a seed: the first drawn that means something, in float32 too. */
export function generate(seed: number, draw: (random: Choices) => Program): Program {
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const program = draw(new Choices(seed, attempt));
      simulate(program, false, 2);
      return program;
    } catch (error) {
      if (!(error instanceof MeaninglessProgram)) throw error;
    }
  }
  throw new Error(`no program of seed ${seed} means something in ${attempts} attempts`);
}
