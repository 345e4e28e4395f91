import { existsSync } from "node:fs";
import { join } from "node:path";

/** A directory below `runs` that does not exist yet: runs/demo, runs/demo-2, ... */
export function freshDirectory(name: string): string {
  for (let i = 1; ; i++) {
    const path = join("runs", i === 1 ? name : `${name}-${i}`);
    if (!existsSync(path)) return path;
  }
}
