import { expect, it } from "vitest";
import { describeOnDevices, readFloats, upload } from "../../support/devices.js";

describeOnDevices("multiplyAdd", (device) => {
  for (const [length, rounds] of [
    [1, 3],
    [257, 5],
    [4099, 7],
  ] as const) {
    it(`${length} elements, ${rounds} rounds`, async () => {
      using _ = device().scope();
      const out = upload(
        device(),
        Float32Array.from({ length }, (_, i) => i + 1),
      );
      device().run("multiplyAdd", { out, rounds });
      // The fixed point is 2; each round halves the distance to it.
      const found = await readFloats(device(), out);
      found.forEach((x, i) => {
        expect(Math.abs(x - (2 + (i / length - 2) * 0.5 ** rounds))).toBeLessThan(1e-6);
      });
    });
  }
});
