import { expect, test } from "vitest";
import { references } from "../../reference/index.js";
import { describeOnDevices } from "../../support/devices.js";
import { type HostCall, runKernel } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { at, output, words } from "../../support/random.js";

interface Images {
  n: number;
  h: number;
  w: number;
  channels: number;
  pad: number;
  flip: boolean;
}

const sets: readonly Images[] = [
  { n: 1, h: 1, w: 1, channels: 1, pad: 0, flip: false },
  { n: 3, h: 5, w: 7, channels: 3, pad: 0, flip: false },
  { n: 5, h: 5, w: 7, channels: 3, pad: 2, flip: true },
  { n: 17, h: 28, w: 28, channels: 1, pad: 3, flip: false },
  { n: 33, h: 32, w: 32, channels: 3, pad: 4, flip: true },
  { n: 9, h: 6, w: 4, channels: 4, pad: 5, flip: true },
];

/** With mean 0 and deviation 1 / 255 the result is the byte itself. */
function call(
  images: Images,
  mean: readonly number[],
  std: readonly number[],
): HostCall<"augment"> {
  const { n, h, w, channels } = images;
  return {
    ...images,
    images: words(1, Math.ceil((n * h * w * channels) / 4)),
    out: output(n * h * w * 4),
    state: words(2, 4),
    mean: mean.slice(0, channels),
    std: std.slice(0, channels),
  };
}

const normalised = sets.map((set) =>
  kernelCase("augment", JSON.stringify(set), () =>
    call(set, [0.4914, 0.4822, 0.4465, 0.5], [0.247, 0.2435, 0.2616, 0.25]),
  ),
);

const raw = Array<number>(4).fill(1 / 255);

describeOnDevices("augment", (device) => {
  testKernelCases(device, normalised);

  test.each(sets)("takes exactly the right bytes: %j", async (set) => {
    const want = call(set, [0, 0, 0, 0], raw);
    const got = await runKernel(device(), "augment", want);
    references.augment(want);
    const wrong = got.out.filter((v, i) => !(Math.abs(v - Math.round(at(want.out, i))) < 1e-3));
    expect(wrong).toHaveLength(0);
  });

  test("channels the images do not have are exactly zero", async () => {
    const set = { n: 5, h: 5, w: 7, channels: 3, pad: 2, flip: true };
    const got = await runKernel(device(), "augment", call(set, [0.5, 0.5, 0.5], [0.2, 0.2, 0.2]));
    expect(got.out.filter((_, i) => i % 4 === 3)).toEqual(new Float64Array(5 * 5 * 7));
  });
});
