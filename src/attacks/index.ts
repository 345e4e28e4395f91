import { badNets } from "./badnets.js";
import { blended } from "./blended.js";
import { sig } from "./sig.js";

/** Every attack by its name: a function of the images' shape and the attack's options. */
export const ATTACKS = {
  badnets: badNets,
  blended,
  sig,
} as const;

export type AttackName = keyof typeof ATTACKS;

export type { Attack, AttackKind, AttackPhase } from "./attack.js";
export { type BadNetsOptions, badNets } from "./badnets.js";
export { type BlendedOptions, blended } from "./blended.js";
export { noisePicture, smoothPicture } from "./pictures.js";
export { type Poisoned, type PoisonOptions, poison, triggered } from "./poison.js";
export { type SigOptions, sig } from "./sig.js";
