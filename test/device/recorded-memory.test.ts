import { beforeEach, describe, expect, test } from "vitest";
import type { Memory } from "../../src/device/idle-blocks.js";
import { newCounters, Pool } from "../../src/device/pool.js";
import type { PooledStorage } from "../../src/device/pooled-storage.js";

type Held = PooledStorage<Memory>;

describe("memory of recordings", () => {
  let counters: ReturnType<typeof newCounters>;
  let destroyed: Memory[];
  let pool: Pool<Memory>;
  /** Blocks by the label of the storage that a captured command used them for, in order. */
  let used: [label: string, block: Memory | null][];

  beforeEach(() => {
    counters = newCounters();
    destroyed = [];
    used = [];
    const create = (id: number, bytes: number): Memory => ({ id, bytes });
    const destroy = (blocks: readonly Memory[]): void => {
      destroyed.push(...blocks);
    };
    pool = new Pool({ maxBytes: Infinity, create, destroy }, counters, 2 ** 30);
  });

  /** A command that names storages, as kernel calls do. */
  const command = (...storages: Held[]): void =>
    pool.use(
      () => storages,
      "a kernel",
      () => {
        for (const s of storages) used.push([s.label, s.memory]);
      },
    );
  const blockUsedFor = (label: string): Memory | null | undefined =>
    used.find(([name]) => name === label)?.[1];

  /** Two temporaries after each other; the second one of another size. */
  const step = (bytes: number, keep = false): Held | undefined => {
    using _scope = pool.scope();
    const first = pool.allocate(bytes, `first ${bytes}`);
    command(first);
    const second = pool.allocate(2 * bytes, `second ${bytes}`);
    command(first, second);
    pool.release(first);
    const last = pool.allocate(bytes, `last ${bytes}`);
    command(second, last);
    if (!keep) return undefined;
    pool.keep(last);
    return last;
  };

  test("nothing is taken before the body is over, and then what the commands need", () => {
    pool.capture(() => {
      step(1000);
      expect(counters.buffersCreated).toBe(0);
      expect(used).toEqual([]);
    });
    expect(used.map(([label]) => label)).toEqual(
      ["first", "first", "second", "second", "last"].map((name) => `${name} 1000`),
    );
    // The last one lies where the first one lay.
    expect(counters.buffersCreated).toBe(2);
    expect(blockUsedFor("last 1000")).toBe(blockUsedFor("first 1000"));
    expect(counters.bytesInUse).toBe(0);
  });

  test("a second recording computes on the first one's blocks, a smaller one needs no other", () => {
    pool.capture(() => step(4096));
    const { bytesReserved } = counters;
    pool.capture(() => step(4096));
    pool.capture(() => step(2500));
    expect(counters.bytesReserved).toBe(bytesReserved);
    expect(blockUsedFor("first 2500")).toBe(blockUsedFor("first 4096"));
    pool.capture(() => step(100));
    expect(counters.bytesReserved).toBe(bytesReserved);
  });

  test("in a recording of its own a small temporary leaves a large block to a large one", () => {
    pool.capture(() => {
      using _scope = pool.scope();
      const large = pool.allocate(4096, "large");
      command(large);
      pool.release(large);
      command(pool.allocate(300, "small"), pool.allocate(4096, "large again"));
    });
    expect(counters.bytesReserved).toBe(4096 + 512);
  });

  test("what is made outside never lies in a block that a recording names", () => {
    const recording = pool.capture(() => step(1024));
    const outside = [pool.allocate(1024, "a"), pool.allocate(2048, "b"), pool.allocate(1024, "c")];
    const recorded = used.map(([, block]) => block);
    for (const { memory } of outside) expect(recorded).not.toContain(memory);
    recording.release();
    expect(recorded).toContain(pool.allocate(1024, "later").memory);
  });

  test("what stays lies in a block that no recording computes on, its own neither", () => {
    let kept: Held | undefined;
    pool.capture(() => {
      step(1024);
      kept = step(1024, true);
    });
    const mine = kept?.memory;
    expect(blockUsedFor("first 1024")).not.toBe(mine);
    const before = used.filter(([, block]) => block === mine).length;
    expect(before).toBe(1);
    let second: Held | undefined;
    pool.capture(() => {
      second = step(1024, true);
    });
    expect(used.filter(([, block]) => block === mine).length).toBe(before);
    expect(used.filter(([, block]) => block === second?.memory)).toEqual([
      ["last 1024", second?.memory],
    ]);
  });

  test("so does what a scope around the capture owns, or nobody", () => {
    using _scope = pool.scope();
    let made: Held | undefined;
    pool.capture(() => {
      step(1024);
      made = pool.allocate(1024, "result");
      command(made);
    });
    pool.capture(() => step(1024));
    expect(used.filter(([, block]) => block === made?.memory)).toHaveLength(1);
  });

  test("a block goes back when the last recording that names it is released", () => {
    const [one, two] = [pool.capture(() => step(1024)), pool.capture(() => step(1024))];
    const block = blockUsedFor("first 1024") as Memory;
    one.release();
    pool.trim();
    expect(destroyed).toEqual([]);
    two.release();
    pool.trim();
    expect(destroyed).toContain(block);
    expect(counters.bytesReserved).toBe(0);
  });

  test("what was kept goes back to the recording while it lives, then to everyone", () => {
    let kept: Held | undefined;
    const recording = pool.capture(() => {
      kept = step(1024, true);
    });
    const block = kept?.memory;
    pool.release(kept as Held);
    expect(pool.allocate(1024, "outside").memory).not.toBe(block);
    recording.release();
    const later = [pool.allocate(1024, "a"), pool.allocate(1024, "b")];
    expect(later.map(({ memory }) => memory)).toContain(block);
  });

  test("the blocks of a recording's operands stay its own, and it tells what they are", () => {
    const operand = pool.allocate(1024, "weights");
    const block = operand.memory;
    const recording = pool.capture(() => command(operand, pool.allocate(1024, "result")));
    expect([...recording.outer]).toEqual([operand]);
    expect(recording.temporaries).toEqual([]);
    pool.release(operand);
    expect(pool.allocate(1024, "outside").memory).not.toBe(block);
    recording.release();
    expect(pool.allocate(1024, "outside").memory).toBe(block);
  });

  test("a constant has its memory at once, for as long as the recording", () => {
    let constant: Held | undefined;
    const recording = pool.capture(() => {
      constant = pool.constant(1024, "a constant");
      expect(constant.memory).not.toBeNull();
      command(constant);
      step(1024);
    });
    const block = constant?.memory as Memory;
    expect(recording.temporaries).not.toContain(block);
    expect(used.filter(([, of]) => of === block)).toHaveLength(1);
    recording.release();
    expect(constant?.live).toBe(false);
    expect(counters.bytesInUse).toBe(0);
  });

  test("an operand that the body itself releases is a temporary of the recording", () => {
    const operand = pool.allocate(1024, "images");
    const block = operand.memory;
    const recording = pool.capture(() => {
      command(operand);
      pool.release(operand);
    });
    expect(operand.live).toBe(false);
    expect(recording.temporaries).toEqual([block]);
    expect(counters.bytesInUse).toBe(0);
  });

  test("a command on what was released is refused where it is made", () => {
    pool.capture(() => {
      const gone = pool.allocate(1024, "gone");
      pool.release(gone);
      expect(() => command(gone)).toThrow(/a kernel was given "gone"/);
    });
  });

  test.each(["the body", "a step"])(
    "when %s fails, all memory goes back but what is kept",
    (where) => {
      const operand = pool.allocate(1024, "operand");
      let kept: Held | undefined;
      const fail = (): never => {
        throw new Error("no such kernel");
      };
      const failing = (): void =>
        void pool.capture(() => {
          kept = step(1024, true);
          command(operand, pool.constant(512, "a constant"));
          pool.release(operand);
          if (where === "the body") fail();
          pool.use(() => [], "a kernel", fail);
          step(2048);
        });
      using _scope = pool.scope();
      expect(failing).toThrow("no such kernel");
      expect([kept?.live, operand.live]).toEqual([true, false]);
      expect(counters.bytesInUse).toBe(1024);
      expect(kept?.memory).not.toBeNull();
      pool.release(kept as Held);
      pool.trim();
      expect(counters.bytesReserved).toBe(0);
      expect(pool.capture(() => step(1024))).toBeDefined();
    },
  );
});
