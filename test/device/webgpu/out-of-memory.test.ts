import { expect, test } from "vitest";
import { LimitError } from "../../../src/device/errors.js";
import type { Slice } from "../../../src/device/storage.js";
import { openWebGpuDevice, type WebGpuDevice } from "../../../src/device/webgpu/device.js";
import { useDevice } from "../../support/devices.js";
import { scarce } from "../../support/scarce-gpu.js";

const owner = useDevice(openWebGpuDevice);

const MiB = 1 << 20;

async function withRoom(
  megabytes: number,
  body: (device: WebGpuDevice, room: { maxBytes: number; refused: number }) => Promise<void>,
): Promise<void> {
  const room = { maxBytes: megabytes * MiB, refused: 0 };
  const device = await openWebGpuDevice({ device: scarce(owner().gpu, room) });
  try {
    await body(device, room);
  } finally {
    await device.destroy();
  }
}

const slice = (device: WebGpuDevice, bytes: number, label: string): Slice => ({
  ...{ storage: device.allocate(bytes, label), offset: 0 },
  length: bytes / 4,
});

/** x + x by way of two temporaries, into `out`. */
const quadruple = (device: WebGpuDevice, x: Slice, out: Slice): void => {
  using _ = device.scope();
  const add = (a: Slice, to: Slice): void => {
    const operand = { slice: a, strides: [1] };
    const call = { kernel: "add", inputs: [operand, operand], shape: [a.length] } as const;
    device.run("elementwise", { ...call, out: to, scalars: [0, 0] });
  };
  const bytes = 4 * x.length;
  const twice = slice(device, bytes, "a temporary");
  add(x, twice);
  add(twice, out);
};

const last = async (device: WebGpuDevice, of: Slice): Promise<number | undefined> =>
  new Float32Array(await device.read(of)).at(-1);

test("a recording for which there was no room gets it when idle memory has been given back", () =>
  withRoom(21, async (device, room) => {
    // Idle afterwards, and of sizes that nothing else asks for.
    for (const megabytes of [6, 7]) {
      device.release(slice(device, megabytes * MiB, "width 64").storage);
    }
    const [x, out] = [slice(device, 4 * MiB, "x"), slice(device, 4 * MiB, "out")];
    device.run("fill", { dst: x, value: 1.5 });
    const recording = device.capture(() => quadruple(device, x, out));
    // A temporary of this one lies in the same block.
    const second = device.capture(() => quadruple(device, x, out));
    expect(room.refused).toBe(1);
    await recording.ready();
    await second.ready();
    expect(room.refused).toBe(1);
    for (const replayed of [recording, second]) {
      device.run("fill", { dst: out, value: 0 });
      replayed.replay();
      expect(await last(device, out)).toBe(6);
    }
  }));

test("what does not fit even then is an error that names the tensor; it can be tried again", () =>
  withRoom(11, async (device, room) => {
    const [x, out] = [slice(device, 4 * MiB, "x"), slice(device, 4 * MiB, "out")];
    device.run("fill", { dst: x, value: 1.5 });
    const recording = device.capture(() => quadruple(device, x, out));
    const refused = recording.ready();
    await expect(refused).rejects.toThrow(LimitError);
    await expect(refused).rejects.toThrow(/out of memory: a temporary \(4194304 bytes\)/);
    expect(room.refused).toBe(2);
    room.maxBytes = 12 * MiB;
    await recording.ready();
    recording.replay();
    expect(await last(device, out)).toBe(6);
  }));

test("without a wait for it to be ready it is an error at the next wait, and not zeros", () =>
  withRoom(11, async (device) => {
    const [x, out] = [slice(device, 4 * MiB, "x"), slice(device, 4 * MiB, "out")];
    device.capture(() => quadruple(device, x, out)).replay();
    await expect(device.read(out)).rejects.toThrow(LimitError);
  }));

test("a tensor for which there was no room is an error at the next wait; then there is", () =>
  withRoom(10, async (device, room) => {
    device.release(slice(device, 6 * MiB, "idle").storage);
    const x = slice(device, 5 * MiB, "x");
    device.run("fill", { dst: x, value: 3 });
    await expect(device.read(x)).rejects.toThrow(/out of memory: x .*may be tried again/);
    device.release(x.storage);
    const again = slice(device, 5 * MiB, "again");
    device.run("fill", { dst: again, value: 3 });
    expect(await last(device, again)).toBe(3);
    // From now on what is idle goes before the GPU has to refuse.
    device.release(again.storage);
    const other = slice(device, 8 * MiB, "other");
    device.run("fill", { dst: other, value: 4 });
    expect(await last(device, other)).toBe(4);
    expect(room.refused).toBe(1);
  }));
