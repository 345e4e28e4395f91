import { Registry } from "../schema/index.js";
import { adapBlend } from "./adap-blend.js";
import { adapPatch } from "./adap-patch.js";
import type { AttackDefinition } from "./attack.js";
import { badNets } from "./badnets.js";
import { blended } from "./blended.js";
import { bpp } from "./bpp.js";
import { ctrl } from "./ctrl.js";
import { fTrojan } from "./ftrojan.js";
import { lowFrequency } from "./lf.js";
import { sig } from "./sig.js";
import { waNet } from "./wanet.js";

/** Every attack by name. */
export const attacks = new Registry<AttackDefinition>("attack", [
  badNets,
  blended,
  sig,
  waNet,
  adapBlend,
  adapPatch,
  bpp,
  lowFrequency,
  fTrojan,
  ctrl,
]);

export {
  type Attack,
  type AttackDefinition,
  type AttackKind,
  type AttackPhase,
  type AttackSpec,
  defineAttack,
  type PrepareContext,
  type Prepared,
  type Trigger,
} from "./attack.js";
export { blendedWith } from "./blended.js";
export type { InLoop, LoopContext, LoopPart } from "./in-loop.js";
export { noisePicture, smoothPicture } from "./pictures.js";
export {
  type Poisoned,
  type PoisonOptions,
  poison,
  type Selection,
  selectPoisoned,
  triggered,
} from "./poison.js";
export { type Goal, type Mapping, mappings, targetsOf } from "./target.js";
export { adapBlend, adapPatch, badNets, blended, bpp, ctrl, fTrojan, lowFrequency, sig, waNet };
