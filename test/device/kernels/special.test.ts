import { describe } from "vitest";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { describeOnDevices, useDevice } from "../../support/devices.js";
import { testKernelCases } from "../../support/kernel-case.js";
import { specialCases, specialHalfCases } from "../../support/special-cases.js";

describeOnDevices("NaN and infinities", (device) => testKernelCases(device, specialCases));

describe("NaN and infinities stored as f16", () => {
  testKernelCases(useDevice(openWebGpuDevice), specialHalfCases);
});
