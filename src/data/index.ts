export { CIFAR10_NORMALISATION, cifar10, type ReadFile, type TrainAndTest } from "./cifar10.js";
export { contentHash, sha256 } from "./hash.js";
export {
  classCounts,
  concat,
  type ImageSet,
  type ImageShape,
  imageAt,
  imageBytes,
  imageSet,
  subset,
} from "./image-set.js";
export { type Batch, BatchLoader, type LoaderOptions } from "./loader.js";
export {
  type SplitScheme,
  type TuningSplit,
  type TuningSplitOptions,
  tuningSplit,
} from "./split.js";
export { type SyntheticOptions, syntheticShapes } from "./synthetic.js";
