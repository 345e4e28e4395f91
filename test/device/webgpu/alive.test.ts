import { expect, test, vi } from "vitest";
import { keepAlive } from "../../../src/device/webgpu/alive.js";

/** Turns of the event loop until `work` settles. */
async function turns(work: Promise<unknown>): Promise<number> {
  let count = 0;
  let counting = true;
  const count1 = (): void => {
    count++;
    if (counting) setImmediate(count1);
  };
  setImmediate(count1);
  await work.catch(() => {});
  counting = false;
  return count;
}

const later = <T>(settle: () => T): Promise<T> =>
  new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        resolve(settle());
      } catch (error) {
        reject(error);
      }
    }, 60);
  });

test("a wait that rests turns the event loop at most once a millisecond", async () => {
  const start = performance.now();
  const rested = await turns(
    Promise.all([
      keepAlive(
        later(() => 3),
        true,
      ),
      keepAlive(
        later(() => 4),
        true,
      ),
    ]),
  );
  expect(rested).toBeLessThanOrEqual(performance.now() - start + 2);
  expect(
    await keepAlive(
      later(() => 5),
      true,
    ),
  ).toBe(5);
  await expect(
    keepAlive(
      later(() => {
        throw new Error("lost");
      }),
      true,
    ),
  ).rejects.toThrow("lost");
  // Nothing rests any longer: turns without a nap are far shorter.
  expect(await turns(keepAlive(later(() => 6)))).toBeGreaterThan(rested);
});

test("waits that follow each other nap once a turn, not once for each of them", async () => {
  const naps = vi.spyOn(Atomics, "wait");
  try {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 30; i++) await keepAlive(turn(), true);
    naps.mockClear();
    const passed = await turns(keepAlive(turn().then(turn).then(turn), true));
    expect(naps.mock.calls.length).toBeLessThanOrEqual(passed + 1);
  } finally {
    naps.mockRestore();
  }
});
