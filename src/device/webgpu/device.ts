import { type CaptureLog, noteCall, noteWrite } from "../capture-log.js";
import type { KernelChoice, VariantMap, VariantNotes } from "../choices.js";
import type { Device, DeviceCounters, DeviceInfo, Recording } from "../device.js";
import { DeviceError } from "../errors.js";
import type { KernelCalls, KernelName } from "../kernels.js";
import { checkOptions } from "../options.js";
import { pending } from "../pending.js";
import { newCounters, Pool } from "../pool.js";
import { checkLive } from "../pooled-storage.js";
import { groupCalls, type ProfiledCall, type TracedDispatch } from "../profile.js";
import type { Scope } from "../scope.js";
import { byteOffset, type Slice, type Storage, storagesOf } from "../storage.js";
import { adapterTraits, deviceInfo, isNode, requestGpuDevice } from "./adapter.js";
import { keepAlive } from "./alive.js";
import { loadTuned, type TuneOptions, type TuneResult, tuneTable } from "./autotune.js";
import { Dispatcher } from "./dispatcher.js";
import { Faults } from "./faults.js";
import { checkWrite, unshared } from "./host-data.js";
import type { AdapterTraits, GpuLowering } from "./lowering.js";
import { blockOf, type GpuBlock, GpuMemory, type GpuStorage, Staging } from "./memory.js";
import { type WebGpuOptions, webGpuTable } from "./options.js";
import { Profiler } from "./profiler.js";
import { readBack } from "./read-back.js";
import { Recorder } from "./recorder.js";
import type { RecordingHost } from "./recording.js";
import { type Command, CommandStream } from "./stream.js";
import type { StoredChoices, TuneStore } from "./tune-store.js";
import { tuneDevice } from "./tuner.js";
import { VariantChoices } from "./variant-choices.js";

/**
 * Opens a WebGPU device: the caller's own, the browser's, or in Node one of the optional `webgpu`
 * package. Throws DeviceUnavailableError when there is none of the kind asked for.
 */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  checkOptions("openWebGpuDevice", options, webGpuTable);
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
  readonly #pool: Pool<GpuBlock>;
  readonly #staging: Staging;
  readonly #profiler: Profiler;
  readonly #stream: CommandStream;
  readonly #choices: VariantChoices;
  readonly #dispatcher: Dispatcher;
  readonly #recorder: Recorder;
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
    this.#memory = new GpuMemory(gpu, this.counters, this.#faults, {
      maxBytes: options.maxBytes ?? Number.POSITIVE_INFINITY,
      events: {
        destroying: () => {
          this.#stream.submit();
          this.#dispatcher.forgetGroups();
        },
        refused: () => {
          if (!this.#destroyed) this.#pool.trim();
        },
      },
    });
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
      if (!this.#recorder.takes(command)) this.#stream.dispatch(command);
    });
    this.#recorder = new Recorder(this.#pool, this.#faults, {
      prepare: (...recording) => this.#wait(this.#prepare(...recording)),
      replay: (log, commands, blocks) => {
        this.#checkOpen();
        this.#recorder.refuse("replay");
        log.replay();
        this.#stream.replay(commands, blocks);
      },
    });
  }

  get capturing(): CaptureLog | undefined {
    return this.#recorder.log;
  }

  allocate(bytes: number, label: string): Storage {
    this.#checkOpen();
    return this.#pool.allocate(bytes, label);
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
    const traced = this.capturing !== undefined || this.#profiler.enabled;
    this.#pool.use(
      () => storagesOf(call),
      kernel,
      () => this.#dispatcher.run(kernel, call, traced),
    );
    noteCall(kernel, call, this.capturing);
  }

  write(target: Slice, data: ArrayBufferView): void {
    this.#checkOpen();
    checkLive(target.storage, "write");
    checkWrite(target, data);
    if (data.byteLength === 0) return;
    if (this.capturing) {
      this.#recordWrite(target, data);
      return;
    }
    this.#writeNow(target, data);
    noteWrite(target, undefined);
  }

  #writeNow(target: Slice, data: ArrayBufferView): void {
    // writeBuffer runs ahead of the pending encoder, which must not see the new bytes.
    const block = blockOf(target, "write");
    if (this.#stream.names(block)) this.#stream.submit();
    this.gpu.queue.writeBuffer(block.buffer, byteOffset(target), unshared(data));
  }

  /** The values go to memory that the recording keeps; every replay copies them from there. */
  #recordWrite(target: Slice, data: ArrayBufferView): void {
    const length = data.byteLength / 4;
    const label = `a constant for ${target.storage.label}`;
    const src = { storage: this.#pool.constant(data.byteLength, label), offset: 0, length };
    this.#writeNow(src, data);
    const dst = { storage: target.storage, offset: byteOffset(target) / 4, length };
    this.run("copy", { src, dst });
  }

  read(source: Slice): Promise<ArrayBuffer> {
    return this.#wait(this.#read(source));
  }

  async #read(source: Slice): Promise<ArrayBuffer> {
    this.#checkOpen();
    this.#recorder.refuse("read");
    checkLive(source.storage, "read");
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
    this.#recorder.refuse("finish");
    this.#stream.submit();
    const period = this.#faults.begin();
    try {
      await Promise.all([this.gpu.queue.onSubmittedWorkDone(), this.#faults.reported]);
    } catch (cause) {
      return this.#faults.explain(cause, period);
    }
    this.#faults.check(period);
  }

  capture(body: () => void): Recording {
    this.#checkOpen();
    return this.#recorder.capture(body);
  }

  async #prepare(...[commands, temporaries, onProgress]: Parameters<RecordingHost["prepare"]>) {
    this.#checkOpen();
    await this.#memory.renew(temporaries);
    this.#dispatcher.rebind(commands);
    const period = this.#faults.begin();
    const warmUp = (command: Command) => this.#stream.warmUp(command);
    try {
      await this.#dispatcher.compile(commands, onProgress, this.info.software ? warmUp : undefined);
    } catch (error) {
      this.#faults.check(period); // a shader's own errors say more
      throw error;
    }
    this.#faults.check(period);
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

  #timedDispatches(): Promise<TracedDispatch[]> {
    this.#stream.submit();
    const period = this.#faults.begin();
    return this.#wait(
      this.#profiler.report().catch((cause) => this.#faults.explain(cause, period)),
    );
  }

  /**
   * Runs `body` once and measures the variants of every kernel call in it (see autotune.ts); later
   * calls of the same shape classes run the fastest. Nothing else may use the device meanwhile.
   */
  async tune(body: () => void, options: TuneOptions = {}): Promise<TuneResult[]> {
    checkOptions("tune", options, tuneTable);
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
    return pending(keepAlive(work, this.info.software));
  }

  #checkOpen(): void {
    if (this.#destroyed) throw new DeviceError("the WebGPU device was used after destroy()");
  }
}
