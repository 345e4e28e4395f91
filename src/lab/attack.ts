import { ATTACKS, type Attack } from "../attacks/index.js";
import type { ImageShape } from "../data/image-set.js";
import type { AttackConfiguration } from "./configuration.js";

type MakeAttack = (
  shape: ImageShape,
  options: Readonly<Record<string, number | string | boolean>>,
) => Attack;

export const attackNames: readonly string[] = Object.keys(ATTACKS);

/**
 * The attack that a configuration names, for images of a shape.
 *
 * @throws RangeError on an unknown attack or an option that it does not have
 */
export function makeAttack(configuration: AttackConfiguration, shape: ImageShape): Attack {
  const { name, options } = configuration;
  const make = (ATTACKS as Readonly<Record<string, unknown>>)[name] as MakeAttack | undefined;
  if (!make || !attackNames.includes(name)) {
    throw new RangeError(`there is no attack "${name}"; there are ${attackNames.join(", ")}`);
  }
  const attack = make(shape, options);
  const known = Object.keys(attack.parameters);
  for (const [option, value] of Object.entries(options)) {
    if (attack.parameters[option] === value) continue;
    throw new RangeError(
      `attack ${name} does not take ${option} = ${value}; its options: ${known
        .map((key) => `${key} (${attack.parameters[key]})`)
        .join(", ")}`,
    );
  }
  return attack;
}
