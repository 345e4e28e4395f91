import { expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import * as nn from "../../src/nn/index.js";
import * as ops from "../../src/ops/index.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { labelsOf, values } from "../support/values.js";

describeOnDevices("layers", (device) => {
  const image = () => tensor(device(), values([2, 7, 9, 6], 1), [2, 7, 9, 6]);
  const placed = <M extends nn.Module>(model: M) => {
    const placement = nn.place(model, device(), { seed: 2 });
    return { model, release: () => placement.release() };
  };

  it("without parameters are the ops they are named after", async () => {
    using _ = device().scope();
    const pairs: [{ forward(x: Tensor): Tensor }, (x: Tensor) => Tensor][] = [
      [new nn.ReLU(), ops.relu],
      [new nn.LeakyReLU(0.2), (x) => ops.leakyRelu(x, 0.2)],
      [new nn.GELU(), ops.geluExact],
      [new nn.GELU({ approximate: "tanh" }), ops.gelu],
      [new nn.SiLU(), ops.silu],
      [new nn.Sigmoid(), ops.sigmoid],
      [new nn.Tanh(), ops.tanh],
      [new nn.Flatten(), (x) => ops.reshape(x, [2, -1])],
      [new nn.MaxPool2d(2, { stride: 1 }), (x) => ops.maxPool2d(x, 2, { stride: 1 })],
      [new nn.AvgPool2d(3), (x) => ops.avgPool2d(x, 3)],
      [new nn.GlobalAvgPool(), ops.globalAvgPool],
    ];
    const x = image();
    for (const [layer, op] of pairs) {
      const [y, expected] = [layer.forward(x), op(x)];
      expect(y.shape).toEqual(expected.shape);
      expect(await y.read()).toEqual(await expected.read());
    }
  });

  it("norms and embeddings have PyTorch's names, and gradients", async () => {
    using _ = device().scope();
    const { model: norm, release } = placed(new nn.LayerNorm(6));
    const { model: group, release: releaseGroup } = placed(new nn.GroupNorm(3, 6, { eps: 0.1 }));
    const { model: bare, release: releaseBare } = placed(
      new nn.Sequential(new nn.LayerNorm(6, { affine: false }), new nn.Linear(6, 2)),
    );
    const { model: table, release: releaseTable } = placed(new nn.Embedding(11, 4));
    expect(norm.parameters().map(([name]) => name)).toEqual(["weight", "bias"]);
    expect(bare.parameters().map(([name]) => name)).toEqual(["1.weight", "1.bias"]);
    norm.weight?.value.write(values([6], 3));
    const x = image();
    const expected = ops.layerNorm(x, {
      gamma: tensor(device(), values([6], 3), [6]),
      beta: tensor(device(), new Float32Array(6), [6]),
    });
    expect(await norm.forward(x).read()).toEqual(await expected.read());
    const grouped = ops.groupNorm(x, 3, { eps: 0.1 });
    const own = await group.forward(x).read();
    (await grouped.read()).forEach((v, i) => {
      expect(Math.abs(v - (own[i] ?? 9))).toBeLessThan(1e-6);
    });
    const index = tensor(device(), labelsOf(6, 11, 5), [2, 3], "u32");
    const rows = table.forward(index);
    expect(rows.shape).toEqual([2, 3, 4]);
    const [g] = gradients(ops.sum(rows), [table.weight.value]);
    expect((await g?.read())?.reduce((s, v) => s + v, 0)).toBe(24);
    for (const give of [release, releaseGroup, releaseBare, releaseTable]) give();
  });

  it("Sequential takes functions, and names modules by their places", async () => {
    using _ = device().scope();
    const { model, release } = placed(
      new nn.Sequential(
        new nn.Conv2d(6, 12, 3, { groups: 3, dilation: 2, padding: [2, 1, 0, 2] }),
        ops.relu,
        (x: Tensor) => ops.mean(x, [1, 2]),
        new nn.Linear(12, 5),
      ),
    );
    const names = model.parameters().map(([name, { shape }]) => [name, shape]);
    expect(names).toEqual([
      ["0.weight", [12, 2, 3, 3]],
      ["0.bias", [12]],
      ["3.weight", [5, 12]],
      ["3.bias", [5]],
    ]);
    const x = image();
    const conv = model.modules()[1]?.[1] as nn.Conv2d;
    expect(conv.inChannels).toBe(6);
    const inner = ops.add(
      ops.conv2d(x, conv.weight.value, { groups: 3, dilation: 2, padding: [2, 1, 0, 2] }),
      conv.bias?.value ?? 0,
    );
    const head = model.modules()[2]?.[1] as nn.Linear;
    const expected = head.forward(ops.mean(ops.relu(inner), [1, 2]));
    expect(await model.forward(x).read()).toEqual(await expected.read());
    release();
  });

  it("say what they cannot be made of", () => {
    expect(() => new nn.Sequential(new nn.ReLU(), 3 as never)).toThrow(/layer 1 is neither/);
    expect(() => new nn.Conv2d(6, 8, 3, { groups: 4 })).toThrow(/4 groups do not divide 6 and 8/);
    expect(() => new nn.Conv2d(3, 9, 3, { groups: 3, image: true })).toThrow(/take one group/);
    expect(() => new nn.GroupNorm(4, 6)).toThrow(/4 groups do not divide 6/);
    expect(() => new nn.LayerNorm(6, { epsilon: 1 } as never)).toThrow(/no option epsilon/);
  });
});
