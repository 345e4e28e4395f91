import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Case } from "./cases.js";
import type { Subject } from "./runner.js";

/** Another framework in its own process, asked case by case (see peers/torch_peer.py). */
export class Peer implements Subject {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(name: string, process: ChildProcess, lines: AsyncIterator<string>) {
    this.name = name;
    this.#process = process;
    this.#lines = lines;
  }

  /** Starts the command; its first line says what it is. */
  static async start(command: string, args: string[], threads: number): Promise<Peer> {
    const env = { ...process.env, PEER_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    const failed = new Promise<never>((_, reject) => {
      child.on("error", (error) => reject(new Error(`cannot start ${command}: ${error.message}`)));
    });
    const reader: Interface = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const lines = reader[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failed]);
    if (first.done) throw new Error(`${command} ended at once; is its package installed?`);
    const hello = JSON.parse(first.value) as { peer: string };
    return new Peer(hello.peer, child, lines);
  }

  async time(c: Case, reps: number): Promise<number[]> {
    return (await this.measure(c, reps)).ms;
  }

  /** Milliseconds of `reps` runs, and the most memory its process ever had resident. */
  async measure(c: Case, reps: number): Promise<{ ms: number[]; peakBytes: number }> {
    this.#process.stdin?.write(`${JSON.stringify({ ...c, reps })}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${this.name} ended during ${c.name}`);
    const answer = JSON.parse(line.value) as { ms?: number[]; peakBytes?: number; error?: string };
    if (!answer.ms) throw new Error(`${this.name} failed on ${c.name}: ${answer.error}`);
    return { ms: answer.ms, peakBytes: answer.peakBytes ?? 0 };
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end();
    this.#process.kill();
  }
}
