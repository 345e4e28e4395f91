import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import type { Device } from "../../src/device/device.js";
import { Classifier } from "../../src/models/classifier.js";
import type { Linear } from "../../src/nn/layers.js";
import { constantRate } from "../../src/optim/schedules.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { fit } from "../../src/training/fit.js";
import { predict } from "../../src/training/predict.js";
import { drawImageNetwork, normsOf } from "./draw-network.js";
import { type LayerStep, Network, PlacedNetwork } from "./network.js";
import { Choices } from "./random.js";
import { crossEntropy } from "./reference/layers.js";
import { Machine } from "./reference/machine.js";
import { mean } from "./reference/moving.js";
import { ReferenceNetwork } from "./reference/network.js";
import { expected, illConditioned, noise, noisyRuns, wrong } from "./reference/spread.js";
import { contentOf, MeaninglessProgram, type Ref } from "./reference/tensors.js";

const [height, width] = [4, 5];
const epochs = 2;

class PlannedClassifier extends Classifier {
  readonly network: Network;
  readonly #trunk: readonly LayerStep[];
  readonly #head: number;

  constructor(network: Network, trunk: readonly LayerStep[], head: number) {
    super();
    this.network = network;
    this.#trunk = trunk;
    this.#head = head;
  }

  get head(): Linear {
    return this.network.module(this.#head) as Linear;
  }

  features(x: Tensor): Tensor {
    return this.network.through(x, this.#trunk);
  }
}

/**
 * Trains a random classifier by `fit` with some norms in evaluation mode, and asks it between epochs
 * and afterwards by `predict`: numbers are the reference's, and modes are as they were. Resolves to
 * what is wrong, or null.
 */
export async function checkClassifier(device: Device, seed: number): Promise<string | null> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await attemptClassifier(device, new Choices(seed, attempt));
    } catch (error) {
      if (!(error instanceof MeaninglessProgram)) throw error;
    }
  }
  throw new Error(`no classifier of seed ${seed} means something`);
}

async function attemptClassifier(device: Device, random: Choices): Promise<string | null> {
  const { network: plan, trunk, head } = drawImageNetwork(random);
  const set = drawSet(random);
  const frozen = normsOf(plan).filter(() => random.chance(0.5));
  const seeds = [undefined, ...Array.from({ length: noisyRuns }, (_, k) => k + 1)];
  const runs = seeds.map((s) => train(new Machine(false, false, s ? noise(s) : undefined)));
  const [exact, ...noisy] = runs as [Trained, ...Trained[]];
  const weights = [...exact.weights].map(([id, data]) => {
    const found = expected(
      data,
      noisy.map((run) => run.weights.get(id) ?? data),
    );
    if (illConditioned(found)) throw new MeaninglessProgram("too sensitive for float32");
    return [id, found] as const;
  });

  const network = new Network(plan);
  const model = new PlannedClassifier(network, trunk, head);
  const placed = new PlacedNetwork(device, plan, network, model);
  try {
    for (const m of frozen) placed.mode(m, false);
    const modes = () =>
      model
        .modules()
        .map(([path, m]) => `${path} ${m.training}`)
        .join(", ");
    const before = modes();
    const batchSize = set.labels.length;
    const asked = random.chance(0.5);
    await fit(model, set, placed.optimizer, {
      ...{ epochs, batchSize, seed: 3, schedule: constantRate(plan.optimizer.lr) },
      onEpoch: async () => {
        if (asked) await predict(model, set, { batchSize });
      },
    });
    if (modes() !== before) return `fit leaves the modes ${modes()} for ${before}`;
    for (const [id, value] of weights) {
      const fault = wrong(await placed.value(id).read(), value);
      if (fault) return `${id} after fit: ${fault}`;
    }
    const classes = await predict(model, set, { batchSize: 3 });
    if (modes() !== before) return `predict leaves the modes ${modes()} for ${before}`;
    const told = Array.from(classes).join();
    const right = exact.classes.join();
    return told === right ? null : `predict says ${told}, not ${right}`;
  } finally {
    placed.release();
  }

  function train(machine: Machine): Trained {
    const reference = new ReferenceNetwork(machine, plan);
    for (const m of frozen) reference.mode(m, false);
    const x = machine.leaf([set.labels.length, height, width, 4], pixels(set), "constant");
    const labels = machine.leaf([set.labels.length], Float64Array.from(set.labels), "integers");
    const logits = (noGrad: boolean): Ref =>
      reference.through(x, [...trunk, { kind: "linear", module: head }], noGrad).out;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const rows = machine.apply(crossEntropy(0), [logits(false), labels]).out;
      machine.backward(machine.apply(mean(), [rows]).out, false);
      reference.step();
    }
    const trained = [...reference.refs].map(([id, { block }]) => [id, block.data] as const);
    for (const m of normsOf(plan)) reference.mode(m, false);
    return { weights: new Map(trained), classes: largest(contentOf(logits(true)).data) };
  }
}

interface Trained {
  readonly weights: ReadonlyMap<string, Float64Array>;
  readonly classes: readonly number[];
}

const classCount = 3;

/** The index of each row's largest logit, which has to be so by some way. */
function largest(logits: Float64Array): number[] {
  return Array.from({ length: logits.length / classCount }, (_, r) => {
    const row = [...logits.subarray(r * classCount, (r + 1) * classCount)];
    const [first = 0, second = 0] = [...row].sort((a, b) => b - a);
    if (first - second < 1e-3) throw new MeaninglessProgram("two classes are alike");
    return row.indexOf(first);
  });
}

function drawSet(random: Choices): ImageSet {
  const count = random.integer(5, 7);
  const bytes = count * height * width * 3;
  return imageSet({
    ...{ name: "random", height, width, channels: 3 },
    images: Uint8Array.from({ length: bytes }, () => random.integer(0, 255)),
    labels: Uint32Array.from({ length: count }, (_, i) => i % classCount),
    classes: ["a", "b", "c"],
    ...{ mean: [0.5, 0.4, 0.6], std: [0.25, 0.3, 0.2] },
  });
}

/** The network's input: normalised, with a fourth channel of zeros. */
function pixels({ images, mean: centre, std }: ImageSet): Float64Array {
  return Float64Array.from({ length: (images.length / 3) * 4 }, (_, i) => {
    const c = i % 4;
    if (c === 3) return 0;
    return ((images[Math.floor(i / 4) * 3 + c] ?? 0) / 255 - (centre[c] ?? 0)) / (std[c] ?? 1);
  });
}
