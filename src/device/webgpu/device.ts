import { CaptureLog, noteCall, noteWrite } from "../capture-log.js";
import type { KernelChoice, VariantMap, VariantNotes } from "../choices.js";
import type { Device, DeviceCounters, DeviceInfo, Recording } from "../device.js";
import { DeviceError } from "../errors.js";
import type { KernelCalls, KernelName } from "../kernels.js";
import { newCounters, Pool } from "../pool.js";
import { groupCalls, type ProfiledCall } from "../profile.js";
import type { Scope } from "../scope.js";
import { byteOffset, type Slice, type Storage } from "../storage.js";
import { synchronous } from "../synchronous.js";
import {
  type AdapterOptions,
  adapterTraits,
  deviceInfo,
  isNode,
  requestGpuDevice,
} from "./adapter.js";
import { keepAlive } from "./alive.js";
import { loadTuned, type TuneOptions, type TuneResult } from "./autotune.js";
import { Dispatcher } from "./dispatcher.js";
import { Faults } from "./faults.js";
import { checkLive, checkWrite, unshared } from "./host-data.js";
import type { AdapterTraits, GpuLowering } from "./lowering.js";
import { bufferOf, GpuMemory, type GpuStorage, Staging } from "./memory.js";
import { Profiler } from "./profiler.js";
import { readBack } from "./read-back.js";
import { GpuRecording } from "./recording.js";
import { type Command, CommandStream } from "./stream.js";
import type { StoredChoices, TuneStore } from "./tune-store.js";
import { tuneDevice } from "./tuner.js";
import { VariantChoices } from "./variant-choices.js";

export interface WebGpuOptions extends AdapterOptions {
  /** A GPUDevice of the caller's own; it is used as it is, and not destroyed. */
  device?: GPUDevice;
  /**
   * Dispatches per submit: default 192, in a browser 32. Fewer start the GPU sooner and let the page
   * be drawn between them, more cost less on the processor.
   */
  dispatchesPerSubmit?: number;
  /** Variants to run whatever the defaults say, by shape class; "*" is any class. */
  variants?: VariantMap;
}

/**
 * Opens a WebGPU device: the caller's own, the browser's, or in Node one of the optional `webgpu`
 * package. Throws DeviceUnavailableError when there is none of the kind asked for.
 */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  if (options.device) {
    return new WebGpuDevice(options.device, options.device.adapterInfo, false, options);
  }
  const { device, info } = await keepAlive(requestGpuDevice(options));
  return new WebGpuDevice(device, info, true, options);
}

export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly info: DeviceInfo;
  /** What the choice of kernels depends on. */
  readonly traits: AdapterTraits;
  readonly maxStorageBytes: number;
  readonly counters: DeviceCounters = newCounters();
  /** The GPUDevice underneath, to share it with other code. */
  readonly gpu: GPUDevice;
  readonly #owned: boolean;
  readonly #faults: Faults;
  readonly #memory: GpuMemory;
  readonly #pool: Pool<GpuStorage>;
  readonly #staging: Staging;
  readonly #profiler: Profiler;
  readonly #stream: CommandStream;
  readonly #choices: VariantChoices;
  readonly #dispatcher: Dispatcher;
  #recorded: Command[] | undefined;
  #capturing: CaptureLog | undefined;
  /** What writes inside of the capture hand over. */
  #constants: GpuStorage[] = [];
  #destroyed = false;

  /** Use `openWebGpuDevice`. */
  constructor(gpu: GPUDevice, info: GPUAdapterInfo, owned: boolean, options: WebGpuOptions) {
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.limits;
    this.gpu = gpu;
    this.#owned = owned;
    this.info = deviceInfo(gpu, info);
    this.traits = adapterTraits(gpu, info);
    this.maxStorageBytes =
      Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 256) * 256;
    this.#faults = new Faults(gpu);
    this.#memory = new GpuMemory(gpu, this.#faults);
    this.#pool = new Pool(this.#memory, this.counters, this.maxStorageBytes);
    this.#staging = new Staging(gpu, this.counters);
    this.#profiler = new Profiler(gpu);
    this.#stream = new CommandStream(
      gpu,
      this.counters,
      this.#faults,
      this.#profiler,
      options.dispatchesPerSubmit ?? (isNode() ? 192 : 32),
    );
    this.#choices = new VariantChoices(options.variants);
    const adapter = { ...this.traits, variants: this.#choices };
    this.#dispatcher = new Dispatcher(gpu, this.counters, this.#pool, adapter, (command) => {
      if (this.#recorded) this.#recorded.push(command);
      else this.#stream.dispatch(command);
    });
  }

  get capturing(): CaptureLog | undefined {
    return this.#capturing;
  }

  allocate(bytes: number, label: string, lasting = false): Storage {
    this.#checkOpen();
    const storage = this.#pool.allocate(bytes, label, lasting);
    if (!lasting) this.#capturing?.made(storage);
    return storage;
  }

  release(storage: Storage): void {
    if (!this.#destroyed) this.#pool.release(storage as GpuStorage);
  }

  scope(): Scope {
    return this.#pool.scope();
  }

  keep(storage: Storage): void {
    this.#pool.keep(storage as GpuStorage);
  }

  run<K extends KernelName>(kernel: K, call: KernelCalls[K]): void {
    this.#checkOpen();
    const traced = this.#recorded !== undefined || this.#profiler.enabled;
    this.#dispatcher.run(kernel, call, traced);
    noteCall(kernel, call, this.#capturing);
  }

  write(target: Slice, data: ArrayBufferView): void {
    this.#checkOpen();
    checkLive(target, "write");
    checkWrite(target, data);
    if (data.byteLength === 0) return;
    if (this.#recorded) {
      this.#recordWrite(target, data);
      return;
    }
    // writeBuffer runs ahead of the pending encoder, which must not see the new bytes.
    if (this.#stream.names(target.storage)) this.#stream.submit();
    const source = unshared(data);
    this.gpu.queue.writeBuffer(bufferOf(target), byteOffset(target), source);
    noteWrite(target, undefined);
  }

  /** The values go to memory that the recording keeps; every replay copies them from there. */
  #recordWrite(target: Slice, data: ArrayBufferView): void {
    const length = data.byteLength / 4;
    const label = `a constant for ${target.storage.label}`;
    const storage = this.#pool.allocate(data.byteLength, label, true);
    this.#constants.push(storage);
    const src = { storage, offset: 0, length };
    if (this.#stream.names(storage)) this.#stream.submit();
    this.gpu.queue.writeBuffer(bufferOf(src), 0, unshared(data));
    const dst = { storage: target.storage, offset: byteOffset(target) / 4, length };
    this.run("copy", { src, dst });
  }

  read(source: Slice): Promise<ArrayBuffer> {
    return this.#wait(this.#read(source));
  }

  async #read(source: Slice): Promise<ArrayBuffer> {
    this.#checkOpen();
    checkLive(source, "read");
    return readBack(source, this.#stream, this.#staging, this.#faults);
  }

  flush(): void {
    this.#stream.submit();
  }

  finish(): Promise<void> {
    return this.#wait(this.#finish());
  }

  async #finish(): Promise<void> {
    this.#checkOpen();
    this.#stream.submit();
    this.#faults.check();
    try {
      await Promise.all([this.gpu.queue.onSubmittedWorkDone(), this.#stream.settled]);
    } catch (cause) {
      return this.#faults.explain(cause);
    }
    this.#faults.check();
  }

  capture(body: () => void): Recording {
    this.#checkOpen();
    if (this.#recorded) throw new DeviceError("capture inside capture; record one at a time");
    const commands: Command[] = [];
    const log = new CaptureLog();
    this.#recorded = commands;
    this.#capturing = log;
    const constants: GpuStorage[] = [];
    this.#constants = constants;
    this.#pool.enterPrivate();
    let giveMemoryBack: () => void = () => {};
    let done = false;
    try {
      synchronous("capture", body());
      done = true;
    } finally {
      this.#recorded = undefined;
      this.#capturing = undefined;
      log.end();
      const leave = this.#pool.leavePrivate();
      giveMemoryBack = () => {
        leave();
        for (const storage of constants.splice(0)) this.release(storage);
      };
      if (!done) giveMemoryBack();
    }
    const host = {
      giveMemoryBack,
      compile: (recorded: readonly Command[], onProgress?: (done: number, all: number) => void) =>
        this.#wait(this.#compile(recorded, onProgress)),
      replay: (recorded: readonly Command[], blocks: readonly number[]) => {
        this.#checkOpen();
        if (this.#recorded) throw new DeviceError("replay inside capture: replay it afterwards");
        log.replay();
        this.#stream.replay(recorded, blocks);
      },
    };
    return new GpuRecording(host, commands);
  }

  async #compile(
    commands: readonly Command[],
    onProgress?: (done: number, all: number) => void,
  ): Promise<void> {
    this.#checkOpen();
    const warmUp = (command: Command) => this.#stream.warmUp(command);
    try {
      await this.#dispatcher.compile(commands, onProgress, this.info.software ? warmUp : undefined);
    } catch (error) {
      this.#faults.check(); // a shader's own errors say more
      throw error;
    }
  }

  /**
   * Turns the timing of every dispatch on or off. Needs the feature timestamp-query: DeviceError
   * without it. What is timed is kept until the next report.
   */
  profile(on: boolean): void {
    this.#stream.submit();
    this.#profiler.enable(on);
  }

  /**
   * The kernel calls timed since the last report, in queue order; for a table see `profileRows`, for
   * a file `chromeTrace`.
   */
  async profileReport(): Promise<ProfiledCall[]> {
    return groupCalls(await this.#timedDispatches());
  }

  #timedDispatches() {
    this.#stream.submit();
    return this.#wait(this.#profiler.report());
  }

  /**
   * Runs `body` once and measures the variants of every kernel call in it (see autotune.ts); later
   * calls of the same shape classes run the fastest. Nothing else may use the device meanwhile.
   */
  async tune(body: () => void, options: TuneOptions = {}): Promise<TuneResult[]> {
    this.#checkOpen();
    const host = {
      device: this,
      choices: this.#choices,
      lower: (run: (gpu: GpuLowering) => void) => this.#dispatcher.lower(run),
      profile: (on: boolean) => this.profile(on),
      dispatches: () => this.#timedDispatches(),
    };
    return tuneDevice(host, body, options);
  }

  /**
   * Runs what `tune` measured on this adapter before and left in the store. Returns what it found
   * there; choices measured with other kernels are passed over.
   */
  async useTuned(store: TuneStore): Promise<StoredChoices> {
    this.#checkOpen();
    return loadTuned(this.#choices, this.info.name, store);
  }

  choices(body: () => void): KernelChoice[] {
    return this.#choices.explain(() => this.capture(body).release());
  }

  noteVariants(): VariantNotes {
    return this.#choices.note();
  }

  useVariants(variants: VariantMap): Disposable {
    return this.#choices.use(variants);
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#stream.submit();
    this.#destroyed = true;
    this.#faults.close();
    await keepAlive(this.#dispatcher.settled);
    // A device that is lost or out of memory has nothing to wait for.
    await keepAlive(this.gpu.queue.onSubmittedWorkDone()).catch(() => {});
    this.#dispatcher.destroy();
    this.#staging.destroyAll();
    this.#profiler.destroy();
    this.#stream.destroy();
    this.#memory.destroyAll();
    if (!this.#owned) return;
    this.gpu.destroy();
    await keepAlive(this.gpu.lost);
  }

  #wait<T>(work: Promise<T>): Promise<T> {
    return keepAlive(work, this.info.software);
  }

  #checkOpen(): void {
    if (this.#destroyed) throw new DeviceError("the WebGPU device was used after destroy()");
  }
}
