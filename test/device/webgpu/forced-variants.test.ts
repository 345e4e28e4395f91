import { expect, test } from "vitest";
import { forcedVariants } from "../../../src/device/webgpu/forced-variants.js";

test("a variant is forced on the types that it can run on", () => {
  const traits = {
    ...{ features: new Set(["shader-f16"]), software: false, subgroupSize: 32, itemsPerLane: 4 },
    ...{ maxWorkgroupStorageBytes: 49_152, maxWorkgroupInvocations: 1024, maxWorkgroups: 65_535 },
    subgroupMatrices: ["f16 16x16x16"],
  };
  const types = (changes: Partial<typeof traits> = {}) => {
    const forced = forcedVariants({ traits: { ...traits, ...changes } });
    return Object.fromEntries(forced.map(({ name, types }) => [name, types]));
  };
  expect(types()).toMatchObject({
    ...{ tile128: ["f32", "f16"], matrices64of16: ["f16"], winograd: ["f32", "f16"] },
  });
  expect(types()).not.toHaveProperty("rows32x16");
  expect(types({ subgroupMatrices: [] })).not.toHaveProperty("matrices64of16");
  expect(types({ features: new Set() })).toMatchObject({ tile128: ["f32"] });
});
