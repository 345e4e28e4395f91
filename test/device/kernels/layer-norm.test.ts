import { layerNorms } from "../../../src/kernel-check/cases/layer-norm.js";
import { Draw } from "../../../src/kernel-check/draw.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";

const cases = [
  ...layerNorms.layerNorm.map((build, i) =>
    kernelCase("layerNorm", `layerNorm ${i}`, () => build(new Draw("f32", `layerNorm ${i}`))),
  ),
  ...layerNorms.layerNormBackward.map((build, i) =>
    kernelCase("layerNormBackward", `layerNormBackward ${i}`, () =>
      build(new Draw("f32", `layerNormBackward ${i}`)),
    ),
  ),
];

describeOnDevices("layer norm", (device) => testKernelCases(device, cases));
