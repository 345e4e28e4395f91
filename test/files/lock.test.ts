import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LockHeldError, LockLostError, takeLock } from "../../src/files/lock.js";
import { claimName, stateOf } from "../../src/files/lock-holder.js";
import { all } from "../faults/scale.js";
import { withProgram } from "../support/child.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-lock-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

let count = 0;
const newPath = (): string => join(folder, `${count++}.lock`);
const impatient = { patience: 0, silence: 300 };

/** The name of a claim by another process, place or start. */
function claimOf(changes: { place?: string; pid?: number; start?: string }): string {
  const [place, pid, start, random] = claimName().split("-");
  const claim = { place, pid, start, ...changes };
  return `${claim.place}-${claim.pid}-${claim.start}-${random}`;
}

async function goneProcess(): Promise<number> {
  const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await new Promise((resolve) => gone.on("exit", resolve));
  return gone.pid ?? 0;
}

test("a lock is held once, and given back without a trace", async () => {
  const path = newPath();
  const lock = await takeLock(path);
  const second = takeLock(path, impatient);
  await expect(second).rejects.toThrow(LockHeldError);
  await expect(second).rejects.toThrow(`process ${process.pid} holds ${path}`);
  await lock.check();
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await (await takeLock(path)).release();
});

test("a lock that was taken away is noticed", async () => {
  const path = newPath();
  const lock = await takeLock(path);
  await rm(path, { recursive: true });
  await expect(lock.check()).rejects.toThrow(LockLostError);
  await lock.release();
});

test("a waiting taker gets the lock when it is given back", async () => {
  const path = newPath();
  const lock = await takeLock(path);
  const waiting = takeLock(path, { patience: 5000 });
  setTimeout(() => lock.release(), 100);
  await (await waiting).release();
});

test("who is gone holds nothing, even if another process has its id now", async () => {
  const places = process.platform === "linux" ? [{ start: "1" }] : [];
  for (const changes of [{ pid: await goneProcess() }, ...places]) {
    const path = newPath();
    await mkdir(path);
    const name = claimOf(changes);
    expect(stateOf(name)).toBe("dead");
    await writeFile(join(path, name), "");
    const lock = await takeLock(path, impatient);
    expect(await readdir(path)).not.toContain(name);
    await lock.release();
  }
});

test.each(["", "1", `${process.pid}\n`, "?"])(
  "a lock file of an earlier version that holds %j blocks nobody",
  async (content) => {
    const path = newPath();
    await writeFile(path, content);
    await (await takeLock(path, impatient)).release();
  },
);

test("a process of another container lives as long as it shows life", async () => {
  const path = newPath();
  await mkdir(path);
  const name = claimOf({ place: "0123456789abcdef", pid: 1 });
  expect(stateOf(name)).toBe("unknown");
  await writeFile(join(path, name), "");
  let time = 1e9;
  // Its clock need not agree with the one here, nor go forward.
  const beat = setInterval(() => utimes(join(path, name), time, --time), 40);
  await expect(takeLock(path, impatient)).rejects.toThrow(
    "a process of another machine or container (1 there) holds",
  );
  clearInterval(beat);
  await (await takeLock(path, impatient)).release();
});

test("a holder shows life, for those who cannot look it up", async () => {
  const path = newPath();
  const lock = await takeLock(path);
  const [name = ""] = await readdir(path);
  const time = async () => (await stat(join(path, name))).mtimeMs;
  const before = await time();
  await expect.poll(time, { timeout: 5000 }).not.toBe(before);
  await lock.release();
});

/** Processes that take and drop locks when told. */
async function withTakers(
  n: number,
  use: (tell: (message: object) => Promise<boolean[]>, takers: ChildProcess[]) => Promise<void>,
): Promise<void> {
  const source = `
    import { takeLock } from "./src/files/lock.js";
    let lock;
    process.on("message", async ({ take, patience }) => {
      if (take) lock = await takeLock(take, { patience }).catch(() => undefined);
      else lock = await lock?.release();
      process.send(lock !== undefined);
    });`;
  await withProgram(source, async (file) => {
    const takers = Array.from({ length: n }, () => fork(file));
    const tell = (message: object) =>
      Promise.all(
        takers.map((taker) => {
          taker.send(message);
          return new Promise<boolean>((resolve) => taker.once("message", resolve));
        }),
      );
    try {
      await use(tell, takers);
    } finally {
      for (const taker of takers) taker.kill("SIGKILL");
    }
  });
}

test.each([
  ["of two takers of a dead lock", 2, "dead", all ? 300 : 25],
  ["of six takers of a dead lock", 6, "dead", all ? 200 : 10],
  ["of three takers of a free lock", 3, "free", all ? 300 : 10],
] as const)("%s at once one holds it", async (_, n, kind, trials) => {
  const pid = await goneProcess();
  await withTakers(n, async (tell) => {
    for (let trial = 0; trial < trials; trial++) {
      const take = newPath();
      if (kind === "dead") {
        await mkdir(take);
        await writeFile(join(take, claimOf({ pid })), "");
      }
      const held = await tell({ take, patience: 200 });
      expect(held.filter(Boolean), `trial ${trial}`).toHaveLength(1);
      await tell({});
    }
  });
});

test("a holder that sleeps keeps its lock, one that is killed does not", async () => {
  await withTakers(1, async (tell, [taker]) => {
    const take = newPath();
    expect(await tell({ take })).toEqual([true]);
    taker?.kill("SIGSTOP");
    await expect(takeLock(take, impatient)).rejects.toThrow(`process ${taker?.pid} holds`);
    await new Promise((resolve) => setTimeout(resolve, all ? 15_000 : 500));
    await expect(takeLock(take, impatient)).rejects.toThrow(`process ${taker?.pid} holds`);
    taker?.kill("SIGKILL");
    // At once, though a process that its parent has not waited for still has its id.
    await (await takeLock(take, { patience: 2000, silence: 60_000 })).release();
  });
});
