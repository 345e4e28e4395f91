export {
  type Choice,
  type Chosen,
  choiceOf,
  type Json,
  namesOf,
  type OptionStyle,
  type Options,
} from "./choice.js";
export { type About, type Field, field, flag, integer, number, oneOf, text } from "./fields.js";
export { type Definition, Registry } from "./registry.js";
export {
  type Fields,
  FormatError,
  type Given,
  type Presence,
  parse,
  parseJson,
  type Schema,
  settled,
  type ValueOf,
  type Values,
} from "./schema.js";
export { type Settings, settings } from "./settings.js";
export {
  checked,
  listOf,
  mapOf,
  type Nullable,
  nothing,
  nullable,
  object,
  optional,
} from "./structures.js";
