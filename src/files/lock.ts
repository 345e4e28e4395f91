import { lstat, mkdir, open, readdir, rm, rmdir, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { codeOf, isMissing } from "./atomic.js";
import { claimName, holderOf, isClaim, stateOf } from "./lock-holder.js";

/** Somebody else holds a lock. */
export class LockHeldError extends Error {
  override name = "LockHeldError";
  /** Who holds it: "process 123". */
  readonly holder: string;

  constructor(path: string, holder: string) {
    super(`${holder} holds ${path}`);
    this.holder = holder;
  }
}

/** A lock was taken away from its holder: by hand, or because it showed no life for long. */
export class LockLostError extends Error {
  override name = "LockLostError";
}

export interface LockOptions {
  /** Milliseconds to wait for a holder. A short time decides between takers that come at once. */
  readonly patience?: number;
  /**
   * Milliseconds without a sign of life after which a holder counts as dead whose process cannot
   * be looked up from here: in another container, on another machine.
   */
  readonly silence?: number;
}

export interface Lock {
  /** @throws LockLostError when the lock is no longer held; ask before writing what it guards */
  check(): Promise<void>;
  /** Never fails: what cannot be removed ends with this process. */
  release(): Promise<void>;
}

const beatMs = 1000;

/** How often in a row the lock's folder may go away under a taker. */
const mostRemovals = 1000;

/**
 * Takes the lock `path`, a folder in which every taker puts a file of a name that never comes
 * again. Whoever then sees no other living taker there holds it; of two that come at once at least
 * one sees the other, so never both do. And since a name never comes again, removing a dead taker's
 * file cannot remove a living one's: that is where locks of one fixed name fail. Node only.
 *
 * @throws LockHeldError when others hold it for longer than `patience`
 */
export async function takeLock(
  path: string,
  { patience = 1000, silence = 10_000 }: LockOptions = {},
): Promise<Lock> {
  const until = performance.now() + patience;
  for (;;) {
    let others = await living(path, undefined, silence);
    if (others.length === 0) {
      const mine = await claim(path);
      others = await living(path, mine).catch(async (error: unknown) => {
        await withdraw(path, mine);
        throw error;
      });
      if (others.length === 0) return held(path, mine);
      await withdraw(path, mine);
    }
    if (performance.now() >= until) throw new LockHeldError(path, holderOf(others[0] ?? ""));
    await setTimeout(5 + Math.random() * 45);
  }
}

/** Puts a new file into the lock's folder; its name says who takes the lock, so none is half written. */
async function claim(path: string): Promise<string> {
  const name = claimName();
  for (let left = mostRemovals; ; left--) {
    try {
      await mkdir(path, { recursive: true });
      await (await open(join(path, name), "wx")).close();
      return name;
    } catch (error) {
      // Who held it has just removed the folder: before the file came, or while Node, which found the
      // folder there, looked at it.
      if (!isMissing(error) || left === 0) throw error;
    }
  }
}

/** Takes a claim back. One that cannot be removed ends with this process. */
async function withdraw(path: string, name: string): Promise<void> {
  await rm(join(path, name), { force: true }).catch(() => undefined);
  await rmdir(path).catch(() => undefined);
}

/**
 * The others that take or hold a lock, without the dead, whose files are removed.
 * @param silence how long to watch those of whom it is not known; they count as living otherwise
 */
async function living(path: string, mine: string | undefined, silence?: number): Promise<string[]> {
  const found: string[] = [];
  for (const name of await entries(path)) {
    if (name === mine || !isClaim(name)) continue;
    const file = join(path, name);
    let state = stateOf(name);
    if (state === "unknown" && silence !== undefined) state = await watch(file, silence);
    if (state === "dead") await rm(file, { force: true });
    else found.push(name);
  }
  return found;
}

async function entries(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    if (codeOf(error) !== "ENOTDIR" || !(await lstat(path)).isFile()) throw error;
    // Earlier versions kept their locks in files of this name, and this is what one left.
    await unlink(path).catch(() => undefined);
    return [];
  }
}

/**
 * Watches a file for signs of life. Looks are counted, not time, so that this process may sleep
 * meanwhile; and times are compared with each other only, so that clocks may differ.
 */
async function watch(file: string, silence: number): Promise<"living" | "dead"> {
  const time = () =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      (error: unknown) => {
        if (isMissing(error)) return null;
        throw error;
      },
    );
  const first = await time();
  const looks = 20;
  for (let i = 0; i < looks; i++) {
    await setTimeout(silence / looks);
    const now = await time();
    if (now === null) return "dead";
    if (now !== first) return "living";
  }
  return "dead";
}

function held(path: string, mine: string): Lock {
  const file = join(path, mine);
  const beat = setInterval(() => {
    const now = new Date();
    // Where it is gone, `check` says so.
    utimes(file, now, now).catch(() => undefined);
  }, beatMs).unref();
  return {
    async check() {
      try {
        await stat(file);
      } catch (error) {
        if (!isMissing(error)) throw error;
        throw new LockLostError(
          `the lock ${path} was taken away from this process, or its folder was removed; ` +
            "another process may be at work there",
        );
      }
    },
    async release() {
      clearInterval(beat);
      await withdraw(path, mine);
    },
  };
}
