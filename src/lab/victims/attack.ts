import { type Attack, attacks } from "../../attacks/index.js";
import type { ImageShape } from "../../data/image-set.js";
import type { AttackConfiguration } from "../records/configuration.js";

/**
 * The attack that a configuration names, for images of a shape.
 *
 * @throws OptionError on an unknown attack, or an option that it does not have or take
 */
export const makeAttack = async (
  { name, options }: Pick<AttackConfiguration, "name" | "options">,
  shape: ImageShape,
): Promise<Attack> => attacks.get(name).make(shape, options);
