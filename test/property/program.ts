import { formatShape, type Shape } from "../../src/tensor/shape.js";
import type { LayerStep, NetworkPlan } from "./network.js";
import type { Operation } from "./reference/operation.js";

export type Id = string;

/** One call of the library. */
export type Instruction =
  | {
      readonly do: "leaf";
      readonly to: Id;
      readonly shape: Shape;
      /** The values, and those that take their place before a recording is replayed again. */
      readonly values: readonly number[];
      readonly next: readonly number[];
      readonly kind: "parameter" | "constant" | "integers";
    }
  | {
      readonly do: "apply";
      readonly to: Id;
      readonly op: Operation;
      readonly of: readonly Id[];
      readonly noGrad: boolean;
    }
  /** The same values as a constant; or the gradient of a leaf as a tensor. */
  | { readonly do: "detach" | "takeGrad"; readonly to: Id; readonly of: Id }
  | { readonly do: "keep" | "release" | "read" | "grad"; readonly of: Id }
  | { readonly do: "write"; readonly of: Id; readonly values: readonly number[] }
  | { readonly do: "open" | "close" }
  /** The network's forward pass: recorded, without gradients, or with norms folded into convolutions. */
  | {
      readonly do: "forward";
      readonly to: Id;
      readonly of: Id;
      readonly steps: readonly LayerStep[];
      readonly how: "recorded" | "noGrad" | "folded";
    }
  | { readonly do: "mode"; readonly module: number; readonly training: boolean }
  /** The optimizer's step, or `place` once more. */
  | { readonly do: "step" | "place" }
  | { readonly do: "backward"; readonly loss: Id; readonly accumulate: boolean }
  | {
      readonly do: "gradients";
      readonly loss: Id;
      readonly wrt: readonly Id[];
      readonly to: readonly Id[];
    };

export interface Program {
  readonly body: readonly Instruction[];
  /** Whether all of it runs inside a scope; without one, nothing is released but by name. */
  readonly scoped: boolean;
  /** Its parameters and statistics have names such as "m0.weight". */
  readonly network?: NetworkPlan;
}

/** The names that an instruction reads. */
export function reads(instruction: Instruction): readonly Id[] {
  switch (instruction.do) {
    case "apply":
      return instruction.of;
    case "backward":
      return [instruction.loss];
    case "gradients":
      return [instruction.loss, ...instruction.wrt];
    case "leaf":
    case "open":
    case "close":
    case "mode":
    case "step":
    case "place":
      return [];
    default:
      return [instruction.of];
  }
}

/** The names that an instruction makes. */
export function makes(instruction: Instruction): readonly Id[] {
  if (instruction.do === "gradients") return instruction.to;
  return "to" in instruction ? [instruction.to] : [];
}

function line(instruction: Instruction): string {
  switch (instruction.do) {
    case "leaf": {
      const { to, kind, shape, values } = instruction;
      return `${to} = ${kind} ${formatShape(shape)} of ${values.slice(0, 12)}`;
    }
    case "apply": {
      const { to, op, of, noGrad } = instruction;
      return `${to} = ${noGrad ? "noGrad " : ""}${op.label} of ${of.join(", ")}`;
    }
    case "detach":
      return `${instruction.to} = ${instruction.of}.detach()`;
    case "takeGrad":
      return `${instruction.to} = ${instruction.of}.grad`;
    case "backward":
      return `backward(${instruction.loss}${instruction.accumulate ? ", accumulate" : ""})`;
    case "gradients":
      return `${instruction.to.join(", ")} = gradients(${instruction.loss}, [${instruction.wrt}])`;
    case "open":
    case "close":
      return `${instruction.do} scope`;
    case "forward": {
      const { to, of, steps, how } = instruction;
      const shown = steps.map((s) => s.kind + ("module" in s ? ` m${s.module}` : ""));
      return `${to} = ${how} forward of ${of}: ${shown.join(", ")}`;
    }
    case "mode":
      return `m${instruction.module}.${instruction.training ? "train" : "eval"}()`;
    case "step":
      return "optimizer.step()";
    case "place":
      return "place again";
    default:
      return `${instruction.do} ${instruction.of}`;
  }
}

export const printed = ({ body, scoped, network }: Program): string =>
  [
    ...(network ? describe(network) : []),
    scoped ? "in a scope:" : "without a scope:",
    ...body.map((i) => `  ${line(i)}`),
  ].join("\n");

function describe({ modules, holders, twice, frozen, optimizer }: NetworkPlan): string[] {
  const held = modules.map((module, m) => `  m${m}: ${holders[m]} ${JSON.stringify(module)}`);
  const more = `held twice [${twice}], frozen [${frozen}], ${JSON.stringify(optimizer)}`;
  return ["with a network:", ...held, `  ${more}`];
}
