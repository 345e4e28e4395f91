import { expect, test } from "vitest";
import { runProgram } from "../support/child.js";

test("a device that is lost between steps makes fit and predict reject, and ends no process", async () => {
  const run = await runProgram(`
    import { openWebGpuDevice } from "./src/device/webgpu/device.js";
    import { SGD } from "./src/optim/sgd.js";
    import { fit } from "./src/training/fit.js";
    import { predict } from "./src/training/predict.js";
    import { tinyModel, tinySet } from "./test/support/tiny.js";
    const trial = async (name, work) => {
      const device = await openWebGpuDevice();
      const { model } = tinyModel(device);
      const found = await work(model, () => device.gpu.destroy()).catch((error) => error.name);
      // What nobody handles ends a process in the next turns.
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(name, found);
      await device.destroy();
    };
    await trial("fit", (model, fail) => {
      const optimizer = new SGD(model, { lr: 0.05 });
      const schedule = () => ({ lr: 0.05 });
      const options = { epochs: 3, batchSize: 16, seed: 5, schedule, onStep: fail };
      return fit(model, tinySet(60, 2), optimizer, options);
    });
    await trial("predict", (model, fail) =>
      predict(model, tinySet(60, 2), { batchSize: 9, onProgress: fail }));
  `);
  expect(run).toMatchObject({ code: 0, stdout: "fit DeviceLostError\npredict DeviceLostError\n" });
  expect(run.stderr).not.toContain("Error");
});
