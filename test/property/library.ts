import { backward, gradients, noGrad } from "../../src/autograd/tape.js";
import type { Device } from "../../src/device/device.js";
import * as errors from "../../src/device/errors.js";
import type { Scope } from "../../src/device/scope.js";
import { FoldedNorms } from "../../src/nn/folding.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { PlacedNetwork } from "./network.js";
import type { Id, Instruction, Program } from "./program.js";
import { type Expected, wrong } from "./reference/spread.js";

/** An error of a type that the library documents. */
export const typed = (error: unknown): error is Error =>
  Object.values(errors).some((kind) => error instanceof kind);

/** Values of the library on their way to the host, and what they have to be. */
interface Pending {
  readonly what: string;
  readonly values: Promise<ArrayLike<number>>;
  readonly expected: Expected;
}

/** The library's tensors by name, and how they are made and read. */
export class Library {
  readonly device: Device;
  readonly pending: Pending[] = [];
  readonly #refused: Promise<string | null>[] = [];
  readonly #tensors = new Map<Id, Tensor>();
  readonly #scopes: Scope[] = [];
  readonly #kept = new Set<Tensor>();
  /** Bytes of the blocks met so far: the size classes whose free blocks are spoiled. */
  readonly #sizes = new Set<number>();
  readonly #releases: boolean;
  /** Dispatches of each call of `gradients`. */
  readonly work: number[] = [];
  readonly #network: PlacedNetwork | undefined;
  readonly #owned = new Set<Id>();

  constructor(device: Device, { scoped, network }: Program, releases: boolean) {
    this.device = device;
    this.#releases = releases;
    if (network) this.#network = new PlacedNetwork(device, network);
    for (const id of network?.values.keys() ?? []) this.#owned.add(id);
    if (scoped) this.#scopes.push(device.scope());
  }

  get network(): PlacedNetwork {
    if (!this.#network) throw new Error("the program has no network");
    return this.#network;
  }

  /** What is wrong with how a network's parts are listed; null if nothing is. */
  get countFault(): string | null {
    return this.#network?.countFault() ?? null;
  }

  at(id: Id): Tensor {
    const found = this.#owned.has(id) ? this.network.value(id) : this.#tensors.get(id);
    if (!found) throw new Error(`the program has no ${id}`);
    return found;
  }

  has(id: Id): boolean {
    return this.#tensors.has(id) || this.#owned.has(id);
  }

  #put(id: Id, x: Tensor): void {
    this.#tensors.set(id, x);
    this.#sizes.add(x.slice.storage.bytes);
    if (this.#scopes.length === 0) this.#kept.add(x);
  }

  leaf({ to, shape, values, kind }: Extract<Instruction, { do: "leaf" }>): void {
    const made = tensor(this.device, values, shape, kind === "integers" ? "u32" : "f32");
    if (kind === "parameter") made.withGrad();
    this.#put(to, made);
  }

  run(i: Exclude<Instruction, { do: "leaf" | "read" | "grad" }>): void {
    switch (i.do) {
      case "apply": {
        const inputs = i.of.map((id) => this.at(id));
        this.#put(i.to, i.noGrad ? noGrad(() => i.op.apply(inputs)) : i.op.apply(inputs));
        return;
      }
      case "forward":
        this.#put(i.to, this.#forward(i));
        return;
      case "mode":
        this.network.mode(i.module, i.training);
        return;
      case "step":
        this.network.step();
        return;
      case "place":
        this.network.placeAgain(this.device);
        return;
      case "detach":
        this.#put(i.to, this.at(i.of).detach());
        return;
      case "takeGrad": {
        const { grad } = this.at(i.of);
        if (!grad) throw new Error(`${i.of} has no gradient`);
        this.#tensors.set(i.to, grad);
        return;
      }
      case "write":
        this.at(i.of).write(i.values);
        return;
      case "keep":
        this.#kept.add(this.at(i.of).keep());
        return;
      case "release":
        this.at(i.of).release();
        this.#spoil();
        return;
      case "open":
        this.#scopes.push(this.device.scope());
        return;
      case "close":
        this.#scopes.pop()?.[Symbol.dispose]();
        this.#spoil();
        return;
      case "backward":
        backward(this.at(i.loss), { accumulate: i.accumulate, release: this.#releases });
        if (this.#releases) this.#spoil();
        return;
      case "gradients": {
        const wrt = i.wrt.map((id) => this.at(id));
        const { dispatches } = this.device.counters;
        const found = gradients(this.at(i.loss), wrt);
        this.work.push(this.device.counters.dispatches - dispatches);
        for (const [k, id] of i.to.entries()) this.#put(id, found[k] as Tensor);
      }
    }
  }

  #forward({ of, steps, how }: Extract<Instruction, { do: "forward" }>): Tensor {
    const forward = () => this.network.through(this.at(of), steps);
    if (how === "recorded") return forward();
    if (how === "noGrad") return noGrad(forward);
    using folded = new FoldedNorms();
    return folded.run(forward);
  }

  /**
   * Fills free memory with a number no result has, so that reading it cannot go well. The pool hands
   * out the blocks first that a program was given first.
   */
  #spoil(): void {
    const scope = this.device.scope();
    for (const bytes of this.#sizes) {
      for (let n = 0; n < 16; n++) {
        const storage = this.device.allocate(bytes, "a spoiled block");
        const dst = { storage, offset: 0, length: Math.floor(bytes / 4) };
        this.device.run("fill", { dst, value: 777.25 });
      }
    }
    scope[Symbol.dispose]();
  }

  /** Reads now, compares later. */
  expect(what: string, x: Tensor, expected: Expected): void {
    const values = x.dtype === "u32" ? x.readIntegers() : x.read();
    values.catch(() => {}); // awaited by `compare`
    this.pending.push({ what, values, expected });
  }

  /** Reads what is gone: that has to be refused, at once or when it is awaited. */
  expectRefusal(what: string, x: Tensor): void {
    const values = x.dtype === "u32" ? x.readIntegers() : x.read();
    this.#refused.push(
      values.then(
        () => `${what} is gone and was read all the same`,
        (error) => (error instanceof errors.ReleasedError ? null : `${what} failed: ${error}`),
      ),
    );
  }

  /** The first thing read that is wrong. */
  async compare(): Promise<string | null> {
    for (const refused of this.#refused) {
      const fault = await refused;
      if (fault) return fault;
    }
    for (const { what, values, expected } of this.pending) {
      try {
        const fault = wrong(await values, expected);
        if (fault) return `${what}: ${fault}`;
      } catch (error) {
        return `${what} cannot be read: ${error}`;
      }
    }
    return null;
  }

  /** Ends all scopes but the outermost. */
  closeInner(): void {
    for (const scope of this.#scopes.splice(1).reverse()) scope[Symbol.dispose]();
  }

  close(): void {
    for (const scope of this.#scopes.splice(0).reverse()) scope[Symbol.dispose]();
    for (const x of this.#kept) if (x.live) x.release();
    this.#network?.release();
  }
}
