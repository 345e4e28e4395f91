import { readFixture } from "./fixtures.js";
import { at, product, uniform, unit, word } from "./random.js";

interface StateRule {
  key: string;
  shape: number[];
  seed: number;
  low: number;
  high: number;
}

interface TrainingFile {
  torch: string;
  width: number;
  classes: number;
  batchSize: number;
  steps: number;
  lr: number;
  momentum: number;
  weightDecay: number;
  state: StateRule[];
  losses64: number[];
  losses32: number[];
  losses32Nudged: number[][];
  evalLogits64: number[][];
  evalLogits32: number[][];
  finalNorms64: Record<string, number>;
  finalNorms32Nudged: Record<string, number>[];
}

export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * PyTorch's run of 20 SGD steps on a ResNet-18 for 32x32 images, from the same weights and images.
 * A float32 run stays within 2e-7 of float64 until rounding puts one value on the other side of a
 * ReLU's kink; from there on the runs part, up to about 1e-2 at step 20. `losses32Nudged` shows
 * that: PyTorch's own losses when the weights are moved by a part in 1e7. So early steps compare
 * tightly, late ones as loosely as PyTorch compares with itself.
 */
export interface TrainingFixture extends Omit<TrainingFile, "state"> {
  /** Keys, order and layout (OIHW) of PyTorch's state dict, without num_batches_tracked. */
  readonly initialState: ReadonlyMap<string, StateTensor>;
  /** Images [batchSize, 32, 32, channels], channels beyond 3 zero; labels [batchSize]. */
  batch(step: number, channels?: 3 | 4): { images: Float32Array; labels: Uint32Array };
}

/** The batch of step `steps` is the unseen one that the evaluation logits belong to. */
export function trainingFixture(): TrainingFixture {
  const { state, ...rest } = readFixture("training.json") as TrainingFile;
  const initialState = new Map<string, StateTensor>();
  for (const { key, shape, seed, low, high } of state) {
    const data = Float32Array.from(uniform(seed, product(shape), low, high));
    initialState.set(key, { shape, data });
  }
  const batch: TrainingFixture["batch"] = (step, channels = 4) => {
    const first = step * rest.batchSize;
    const labels = Uint32Array.from(
      { length: rest.batchSize },
      (_, i) => word(11, first + i) % rest.classes,
    );
    const images = new Float32Array(rest.batchSize * 32 * 32 * channels);
    for (let i = 0; i < rest.batchSize; i++) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) {
          for (let c = 0; c < 3; c++) {
            const to = ((i * 32 + y) * 32 + x) * channels + c;
            images[to] = pixel(first + i, at(labels, i), y, x, c);
          }
        }
      }
    }
    return { images, labels };
  };
  return { ...rest, initialState, batch };
}

/** A triangle wave whose slant tells the class, half noise; exact in float32. */
function pixel(image: number, label: number, y: number, x: number, c: number): number {
  const phase = (y * (1 + (label % 3)) + x * (1 + Math.floor(label / 3)) + 5 * c + 3 * label) % 16;
  const wave = Math.abs(phase - 8) / 4 - 1;
  const noise = 2 * unit(12, ((image * 32 + y) * 32 + x) * 3 + c) - 1;
  return 0.5 * wave + 0.5 * noise;
}
