import { expect, it } from "vitest";
import { imageSet } from "../../src/data/image-set.js";
import { readSafetensors } from "../../src/io/safetensors.js";
import { encodeImages } from "../../src/lab/report/image-file.js";

it.each([
  [7, "U8"],
  [300, "I32"],
])("images of %i classes keep their labels, in %s", (count, dtype) => {
  const labels = Uint32Array.of(3, count - 1, 0);
  const images = Uint8Array.from({ length: 3 * 2 * 1 * 3 }, (_, i) => 11 * i);
  const set = imageSet({
    ...{
      name: "few",
      images,
      labels,
      height: 2,
      width: 1,
      channels: 3,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    classes: Array.from({ length: count }, (_, i) => `c${i}`),
  });
  const { tensors, metadata } = readSafetensors(encodeImages(set));
  expect(tensors.get("labels")?.dtype).toBe(dtype);
  expect([...(tensors.get("labels")?.data ?? [])]).toEqual([...labels]);
  expect(tensors.get("images")).toEqual({ dtype: "U8", shape: [3, 2, 1, 3], data: images });
  expect(metadata.classes?.split(",").length).toBe(count);
});
