import { readdirSync, renameSync } from "node:fs";
import type * as Fs from "node:fs/promises";
import { join } from "node:path";

type FsPromises = typeof Fs;
type FileHandle = Awaited<ReturnType<FsPromises["open"]>>;

export interface Fault {
  /** Which of the operations below the folder fails, from 1 on. */
  readonly at: number;
  /** "death": it is half done, and no later operation of the process is; else the system's code. */
  readonly code: "death" | "ENOSPC" | "EIO" | "EINVAL";
  /** Whether the operations after it fail with the code too, as on a disk that stays full. */
  readonly lasting?: boolean;
  /** Only operations of this name count and fail, such as "sync". */
  readonly only?: string;
}

/** A disk on which operations fail as told; for files below one folder. */
class FaultyDisk {
  folder = "/nowhere";
  #fault: Fault | null = null;
  #count = 0;
  #dead = false;

  /** Operations since the fault was set. */
  get count(): number {
    return this.#count;
  }

  /** Starts counting anew, with a fault or none. */
  set(fault: Fault | null): void {
    this.#fault = fault;
    this.#count = 0;
    this.#dead = false;
  }

  /** Whether this operation is the one that happens by half, before a death. */
  check(name: string, path: string): "whole" | "half" {
    if (!path.startsWith(this.folder)) return "whole";
    if (this.#dead) throw new Error("dead");
    const fault = this.#fault;
    if (fault?.only !== undefined && fault.only !== name) return "whole";
    const n = ++this.#count;
    if (!fault || n < fault.at || (n > fault.at && !fault.lasting)) return "whole";
    if (fault.code !== "death") {
      throw Object.assign(new Error(`${fault.code}: injected, ${name} '${path}'`), {
        code: fault.code,
      });
    }
    this.#dead = true;
    return "half";
  }
}

export const disk = new FaultyDisk();

/** `node:fs/promises` on the faulty disk: what changes files counts as an operation. */
export function onFaultyDisk(real: FsPromises): FsPromises {
  const changing = ["rename", "rm", "rmdir", "unlink", "mkdir", "writeFile", "utimes"] as const;
  const wrapped = changing.map((name) => [
    name,
    async (path: string, ...rest: unknown[]) => {
      if (disk.check(name, path) === "half") {
        if (Math.random() < 0.5) await call(real[name], path, rest);
        throw new Error("dead");
      }
      return call(real[name], path, rest);
    },
  ]);
  const open = async (path: string, flags = "r") => {
    if (flags === "r") return handle(await real.open(path, flags), path, "folder");
    if (disk.check("open", path) === "half") {
      await (await real.open(path, flags)).close();
      throw new Error("dead");
    }
    return handle(await real.open(path, flags), path);
  };
  return { ...real, ...Object.fromEntries(wrapped), open };
}

const call = (operation: unknown, ...[path, rest]: [string, unknown[]]): Promise<unknown> =>
  (operation as (...all: unknown[]) => Promise<unknown>)(path, ...rest);

function handle(file: FileHandle, path: string, what: "file" | "folder" = "file"): FileHandle {
  const faulty = {
    async writeFile(content: string | Uint8Array): Promise<void> {
      let half = false;
      try {
        half = disk.check("write", path) === "half";
      } finally {
        // What fails or dies has written some of it.
        if (half) await file.writeFile(content.slice(0, content.length >> 1));
      }
      if (half) throw new Error("dead");
      return file.writeFile(content);
    },
    async sync(): Promise<void> {
      if (disk.check(what === "file" ? "sync" : "sync folder", path) === "half")
        throw new Error("dead");
      return file.sync();
    },
  };
  return new Proxy(file, {
    get(target, name) {
      if (name in faulty) return faulty[name as keyof typeof faulty];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The locks that this process holds below a folder become those of one that is gone. */
export function buryLocks(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.parentPath.endsWith("run.lock")) continue;
    const name = entry.name.replace(`-${process.pid}-`, "-4194305-");
    renameSync(join(entry.parentPath, entry.name), join(entry.parentPath, name));
  }
}
