import { expect, test } from "vitest";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { useDevice } from "../../support/devices.js";
import { testKernelCases } from "../../support/kernel-case.js";
import { specialCases } from "../../support/special-cases.js";
import { useSwiftShader } from "../../support/swiftshader.js";

useSwiftShader();
const device = useDevice(openWebGpuDevice);

test("this is another compiler than lavapipe's", () => {
  expect(device().info.name).toMatch(/SwiftShader/);
});

testKernelCases(device, specialCases);
