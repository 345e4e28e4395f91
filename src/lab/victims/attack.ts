import { type Attack, attacks, type Prepared, selectPoisoned } from "../../attacks/index.js";
import type { ImageShape } from "../../data/image-set.js";
import type { Images } from "../../data/image-source.js";
import type { Device } from "../../device/device.js";
import type { StateDict } from "../../io/state-dict.js";
import type { StepProgress } from "../../training/fit.js";
import type { AttackConfiguration } from "../records/configuration.js";

/**
 * The attack that a configuration names, for images of a shape.
 *
 * @param prepared what the attack was made ready with, where it is one that is
 * @throws OptionError on an unknown attack, or an option that it does not have or take
 */
export const makeAttack = async (
  { name, options }: Pick<AttackConfiguration, "name" | "options">,
  shape: ImageShape,
  prepared?: Prepared,
): Promise<Attack> => attacks.get(name).make(shape, options, prepared);

/** @throws RangeError or OptionError on what cannot be planted in these images, before anything is prepared or trained */
export async function checkAttack(
  attack: AttackConfiguration,
  train: Images,
  seed: number,
): Promise<void> {
  const definition = attacks.get(attack.name);
  await definition.check(train, attack.options);
  // An attack that is not prepared knows how many cover images it takes.
  const made = definition.prepare ? definition : await definition.make(train, attack.options);
  selectPoisoned(train, made, { ...goalOf(attack), rate: attack.rate, seed });
}

export interface PrepareHooks {
  /** A network of the attack is trained. */
  readonly onStep?: (part: string, progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

/** Makes an attack ready on the images that it will poison; null for one that needs nothing. */
export async function prepareAttack(
  attack: AttackConfiguration,
  train: Images,
  seed: number,
  device: Device,
  hooks: PrepareHooks = {},
): Promise<StateDict | null> {
  const definition = attacks.get(attack.name);
  if (!definition.prepare) return null;
  const { rate, target } = attack;
  const { poisoned } = selectPoisoned(train, definition, { ...goalOf(attack), rate, seed });
  return definition.prepare({ device, train, poisoned, target, ...hooks }, attack.options);
}

/** What is planted, whatever its rate. */
export type PlantedAttack = Pick<AttackConfiguration, "name" | "options" | "target"> &
  Partial<Pick<AttackConfiguration, "mapping">>;

/** What an attack is after. */
export const goalOf = ({ target, mapping = "all-to-one" }: PlantedAttack) => ({ target, mapping });
