import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Case } from "./cases.js";
import type { Subject } from "./runner.js";

export interface PeerOptions {
  threads: number;
  /** What PyTorch runs on; "auto" is a CUDA device where there is one. */
  device: PeerDevice;
}

export const peerDevices = ["auto", "cpu", "cuda"] as const;
export type PeerDevice = (typeof peerDevices)[number];

/** What a request has beside the case. */
export interface Sampling {
  reps: number;
  queued: number;
}

/** What a peer's process says at first. */
interface Hello {
  /** Name, version and, for PyTorch, the device. */
  peer: string;
  cuda?: boolean;
}

/** Another framework in its own process, asked case by case (see peers/torch_peer.py). */
export class Peer implements Subject {
  readonly name: string;
  /** Whether it runs on CUDA. */
  readonly cuda: boolean;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(hello: Hello, process: ChildProcess, lines: AsyncIterator<string>) {
    this.name = hello.peer;
    this.cuda = hello.cuda ?? false;
    this.#process = process;
    this.#lines = lines;
  }

  /** Starts the command; its first line says what it is. */
  static async start(command: string, args: string[], options: PeerOptions): Promise<Peer> {
    const threads = String(options.threads);
    const settings = { PEER_THREADS: threads, OMP_NUM_THREADS: threads };
    const env = { ...process.env, ...settings, PEER_DEVICE: options.device };
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    const failed = new Promise<never>((_, reject) => {
      child.on("error", (error) => reject(new Error(`cannot start ${command}: ${error.message}`)));
    });
    const reader: Interface = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const lines = reader[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failed]);
    if (first.done) throw new Error(`${command} ended at once; is its package installed?`);
    return new Peer(JSON.parse(first.value) as Hello, child, lines);
  }

  async time(c: Case, reps: number, queued: number): Promise<number[]> {
    return (await this.measure(c, { reps, queued })).ms;
  }

  /** Milliseconds of a run, and the most memory its process ever had resident. */
  async measure(c: Case, sampling: Sampling): Promise<{ ms: number[]; peakBytes: number }> {
    this.#process.stdin?.write(`${JSON.stringify({ ...c, ...sampling })}\n`);
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
