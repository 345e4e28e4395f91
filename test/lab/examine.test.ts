import { expect, expectTypeOf, test } from "vitest";
import { blended } from "../../src/attacks/index.js";
import { imageAt } from "../../src/data/image-set.js";
import { syntheticShapes } from "../../src/data/synthetic.js";
import { type DefenseHooks, fineTuning } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { Examiner } from "../../src/lab/examination/examine.js";
import { makeModel } from "../../src/lab/victims/model.js";
import { purify } from "../../src/lab/victims/purify.js";
import { placementOf } from "../../src/nn/place.js";
import { useDevice } from "../support/devices.js";
import { configuration } from "./samples.js";

const { train, test: held } = syntheticShapes({ train: 20, test: 57, seed: 5 });
const attack = { name: "blended", rate: 0.1, target: 3, options: { alpha: 0.25 } };

const device = useDevice(() => openCpuDevice({ threads: 1 }));

/** A model that gives every image one class, by its head's bias. */
function constantModel(label: number) {
  const model = makeModel(configuration.model, held, device(), 0);
  const { weight, bias } = model.head;
  weight.value.write(new Float32Array(weight.size));
  bias?.value.write(Float32Array.from({ length: 10 }, (_, i) => (i === label ? 1 : 0)));
  return model;
}

test("a model that always says the target has ASR 1, one that says another class 0", async () => {
  const examiner = await Examiner.create(held, attack);
  const counts = Array.from({ length: 10 }, (_, c) => held.labels.filter((l) => l === c).length);
  const others = 57 - (counts[3] ?? 0);
  for (const label of [3, 6]) {
    const model = constantModel(label);
    const done: number[] = [];
    const found = await examiner.examine(model, {
      batchSize: 13,
      onProgress: (n, all) => done.push(n / all),
    });
    expect(found).toEqual({
      cleanAccuracy: (counts[label] ?? 0) / 57,
      cleanImages: 57,
      backdoor: {
        attackSuccess: label === 3 ? 1 : 0,
        robustAccuracy: label === 3 ? 0 : (counts[6] ?? 0) / others,
        triggeredImages: others,
      },
    });
    expect(done.at(-1)).toBe(1);
    expect([...done].sort((a, b) => a - b)).toEqual(done);
    placementOf(model).release();
  }
});

test("a sample looks at so many images, the same each time; without an attack there is no ASR", async () => {
  const model = makeModel(configuration.model, held, device(), 4);
  const sample = (await Examiner.create(held, attack)).sample(31, 17);
  const found = await sample.examine(model);
  expect(found.cleanImages).toBe(31);
  expect(found.backdoor?.triggeredImages).toBe(17);
  expect(await (await Examiner.create(held, attack)).sample(31, 17).examine(model)).toEqual(found);
  expect((await (await Examiner.create(held, null)).examine(model)).backdoor).toBeNull();
  placementOf(model).release();
});

test("pictures show what the trigger does to one image of each other class", async () => {
  const pictures = (await Examiner.create(held, attack)).pictures(4);
  const trigger = await blended.make(held, { alpha: 0.25 });
  expect(pictures.map((p) => p.label)).toEqual([0, 1, 2, 4].map((c) => held.classes[c]));
  for (const [i, label] of [0, 1, 2, 4].entries()) {
    const image = imageAt(held, held.labels.indexOf(label));
    expect(pictures[i]?.clean).toEqual(image);
    expect(pictures[i]?.triggered).toEqual(trigger.apply(image, 0, "test"));
  }
});

test("an attack's unknown option is refused with those it has", async () => {
  const wrong = { ...attack, options: { opacity: 0.5 } };
  await expect(Examiner.create(held, wrong)).rejects.toThrow(
    "attack blended has no option opacity (0.5); attack blended has alpha, picture, seed",
  );
  await expect(Examiner.create(held, { ...attack, name: "toString" })).rejects.toThrow(
    'there is no attack "toString"; there are badnets, blended, sig',
  );
});

test("a defense has no way to receive an attack", async () => {
  expectTypeOf<keyof DefenseHooks>().toEqualTypeOf<
    "onStage" | "onPart" | "onCompile" | "onStep" | "onEpoch" | "onPause" | "resume" | "signal"
  >();
  const model = makeModel(configuration.model, held, device(), 0);
  const trigger = await blended.make(held);
  // Never called: the compiler is what is tested.
  const refused = [
    // @ts-expect-error an attack is not part of what a defense may see
    () => fineTuning.run(model, train, {}, { attack: trigger }),
    // @ts-expect-error nor is the examiner that holds one
    () => fineTuning.run(model, train, {}, { examiner: Examiner.create(held, attack) }),
    // @ts-expect-error nor does it come in as an option
    () => purify(model, train, "ft", { attack: trigger }),
  ];
  expect(refused).toHaveLength(3);
  placementOf(model).release();
});
