import { beforeEach, describe, expect, test } from "vitest";
import { LimitError, ReleasedError } from "../../src/device/errors.js";
import { newCounters, Pool, sizeClass } from "../../src/device/pool.js";
import type { Storage } from "../../src/device/storage.js";

describe("sizeClass", () => {
  test("is at least what was asked for, wastes at most a quarter, and is aligned", () => {
    for (let bytes = 1; bytes < 5_000_000; bytes = Math.ceil(bytes * 1.013)) {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      if (bytes > 1024) expect(size).toBeLessThanOrEqual(1.25 * bytes);
    }
  });

  test.each([
    [0, 256],
    [1, 256],
    [256, 256],
    [257, 512],
    [1024, 1024],
    [1025, 1280],
    [2049, 2560],
    [3 * 2 ** 20, 3 * 2 ** 20],
    [3 * 2 ** 20 + 1, 3.5 * 2 ** 20],
  ])("%d bytes are served by %d", (bytes, size) => {
    expect(sizeClass(bytes)).toBe(size);
  });

  test("classes are their own class", () => {
    for (const bytes of [1, 777, 5000, 123_457]) {
      expect(sizeClass(sizeClass(bytes))).toBe(sizeClass(bytes));
    }
  });
});

describe("Pool", () => {
  const limit = 1 << 20;
  let created: Storage[];
  let destroyed: Storage[];
  let counters: ReturnType<typeof newCounters>;
  let pool: Pool<Storage>;

  beforeEach(() => {
    created = [];
    destroyed = [];
    counters = newCounters();
    const create = (id: number, bytes: number, label: string): Storage => {
      const storage = { id, bytes, label, live: true, kept: false, writes: undefined };
      created.push(storage);
      return storage;
    };
    const reuse = (block: Storage, label: string): Storage => ({ ...block, label, live: true });
    pool = new Pool({ create, reuse, destroy: (s) => destroyed.push(s) }, counters, limit);
  });

  test("hands a released block out again, with its new label", () => {
    const first = pool.allocate(1000, "activation");
    pool.release(first);
    expect(first.live).toBe(false);
    const second = pool.allocate(900, "gradient");
    expect(second.id).toBe(first.id);
    expect(second.live).toBe(true);
    expect(second.label).toBe("gradient");
    expect(created).toHaveLength(1);
  });

  test("keeps size classes apart", () => {
    const small = pool.allocate(300, "small");
    pool.release(small);
    expect(pool.allocate(5000, "large").id).not.toBe(small.id);
    expect(pool.allocate(400, "small again").id).toBe(small.id);
  });

  test("counts what is in use, the peak and what is reserved", () => {
    const a = pool.allocate(1024, "a");
    const b = pool.allocate(2048, "b");
    pool.release(a);
    expect(counters.bytesInUse).toBe(2048);
    pool.allocate(256, "c");
    pool.release(b);
    expect(counters.bytesInUse).toBe(256);
    expect(counters.peakBytes).toBe(3072);
    expect(counters.bytesReserved).toBe(1024 + 2048 + 256);
    expect(counters.buffersCreated).toBe(3);
  });

  test("a scope releases what it owns and nothing that was kept", () => {
    let kept: Storage;
    let dropped: Storage;
    {
      using _scope = pool.scope();
      kept = pool.allocate(100, "kept");
      dropped = pool.allocate(100, "dropped");
      pool.keep(kept);
    }
    expect([kept.live, dropped.live]).toEqual([true, false]);
    pool.release(kept);
    expect(counters.bytesInUse).toBe(0);
  });

  test("the innermost scope owns; keeping takes a storage out of all of them", () => {
    using _outer = pool.scope();
    const outside = pool.allocate(100, "outside");
    let inside: Storage;
    let kept: Storage;
    {
      using _inner = pool.scope();
      inside = pool.allocate(100, "inside");
      kept = pool.allocate(100, "kept");
      pool.keep(kept);
    }
    expect([outside.live, inside.live, kept.live]).toEqual([true, false, true]);
    expect([outside.kept, kept.kept]).toEqual([false, true]);
    expect(pool.allocate(100, "owned again").kept).toBe(false);
  });

  test("outside every scope a storage is kept from the start", () => {
    const storage = pool.allocate(100, "parameters");
    expect(storage.kept).toBe(true);
  });

  test("what was released by hand is not released again at the scope's end", () => {
    {
      using _scope = pool.scope();
      pool.release(pool.allocate(100, "by hand"));
    }
    expect(counters.bytesInUse).toBe(0);
  });

  test("a scope releases its storages when the block throws", () => {
    const fail = (): void => {
      using _scope = pool.scope();
      pool.allocate(100, "lost");
      throw new Error("the step failed");
    };
    expect(fail).toThrow("the step failed");
    expect(counters.bytesInUse).toBe(0);
  });

  test("refuses to close an outer scope before the inner one", () => {
    const outer = pool.scope();
    const inner = pool.scope();
    expect(() => outer[Symbol.dispose]()).toThrow(/still open/);
    inner[Symbol.dispose]();
    outer[Symbol.dispose]();
    outer[Symbol.dispose]();
  });

  test("a second release names the storage", () => {
    const storage = pool.allocate(100, "layer1.conv1 output");
    pool.release(storage);
    expect(() => pool.release(storage)).toThrow(ReleasedError);
    expect(() => pool.release(storage)).toThrow(/layer1\.conv1 output/);
  });

  test("a storage that was released stays so for whoever had it: its block has another owner", () => {
    const first = pool.allocate(100, "first");
    pool.release(first);
    const next = pool.allocate(100, "next owner");
    expect(next.id).toBe(first.id);
    expect(first.live).toBe(false);
    expect(() => pool.release(first)).toThrow(ReleasedError);
    expect(() => pool.release(first)).toThrow(/"first" was released twice/);
    expect(() => pool.keep(first)).toThrow(ReleasedError);
    expect(() => pool.keep(first)).toThrow(/"first" was released already; keep it before/);
    expect(next.live).toBe(true);
    expect(counters.bytesInUse).toBe(next.bytes);
  });

  test("what does not fit is an error with the name, the size and the limit", () => {
    expect(() => pool.allocate(limit + 4, "a huge batch")).toThrow(LimitError);
    expect(() => pool.allocate(limit + 4, "a huge batch")).toThrow(
      /a huge batch.*1048580 bytes.*1048576/,
    );
    expect(pool.allocate(limit, "the largest").bytes).toBe(limit);
    expect(pool.allocate(limit - 4, "nearly the largest").bytes).toBeLessThanOrEqual(limit);
  });

  test.each([Number.NaN, -4, Number.POSITIVE_INFINITY])("%d bytes are refused", (bytes) => {
    expect(() => pool.allocate(bytes, "x")).toThrow(LimitError);
  });

  test("trim returns pooled blocks and leaves live ones", () => {
    const live = pool.allocate(1024, "live");
    const pooled = pool.allocate(2048, "pooled");
    pool.release(pooled);
    pool.trim();
    expect(destroyed).toEqual([pooled]);
    expect(counters.bytesReserved).toBe(1024);
    expect(live.live).toBe(true);
  });

  test("private memory is not shared until it is given back", () => {
    const shared = pool.allocate(1000, "shared");
    pool.release(shared);
    pool.enterPrivate();
    const [taken, made] = [pool.allocate(1000, "taken"), pool.allocate(1000, "made")];
    expect(taken.id).toBe(shared.id);
    pool.release(taken);
    pool.release(made);
    const giveBack = pool.leavePrivate();
    const outside = pool.allocate(1000, "outside");
    expect([taken.id, made.id]).not.toContain(outside.id);
    giveBack();
    expect(pool.allocate(1000, "again").id).toBe(taken.id);
  });

  test("what is kept from private memory returns there, not to the shared pool", () => {
    pool.enterPrivate();
    const kept = pool.allocate(1000, "kept from the recording");
    const giveBack = pool.leavePrivate();
    pool.release(kept);
    expect(pool.allocate(1000, "outside").id).not.toBe(kept.id);
    giveBack();
    expect(pool.allocate(1000, "again").id).toBe(kept.id);
  });

  test("lasting memory shares no block with what is private, and no scope owns it", () => {
    pool.enterPrivate();
    const scratch = pool.allocate(5000, "scratch");
    pool.release(scratch);
    const scope = pool.scope();
    const lasting = pool.allocate(5000, "lasting", true);
    expect(lasting.id).not.toBe(scratch.id);
    scope[Symbol.dispose]();
    expect(lasting.live && lasting.kept).toBe(true);
    expect(pool.allocate(5000, "scratch again").id).toBe(scratch.id);
    const giveBack = pool.leavePrivate();
    pool.release(lasting);
    // It was never the recording's: the shared pool has it at once.
    expect(pool.allocate(5000, "another").id).toBe(lasting.id);
    giveBack();
  });

  test("leaving private memory that was not entered is an error", () => {
    expect(() => pool.leavePrivate()).toThrow(/without enterPrivate/);
  });
});
