import { DeviceError, DeviceLostError, DeviceValidationError, LimitError } from "../errors.js";

/** How long a rejected promise waits for the loss that may have caused it to be announced. */
const lossNoticeMs = 1000;

/** The faults that are thrown together: by the first wait to end and by those that it overlaps. */
export interface FaultPeriod {
  readonly errors: Set<DeviceError>;
}

/**
 * Collects what WebGPU reports on the side, so that the next wait can throw it. A validation or
 * memory fault is thrown by all waits that were pending when it was found, because each of them may
 * have got its results, and by no later one; a loss is final.
 */
export class Faults {
  readonly #device: GPUDevice;
  readonly #onError = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    this.add(toDeviceError(event.error));
  };
  #period: FaultPeriod = { errors: new Set() };
  #reported: Promise<void> = Promise.resolve();
  #lost: DeviceLostError | undefined;
  #closing = false;

  constructor(device: GPUDevice) {
    this.#device = device;
    device.addEventListener("uncapturederror", this.#onError);
    device.lost.then((info) => {
      if (this.#closing) return;
      this.#lost = new DeviceLostError(
        `the GPU device was lost (${info.reason}: ${info.message || "no message"}); nothing on ` +
          `it can be read again: open a new device and load the last checkpoint`,
      );
    });
  }

  add(error: DeviceError): void {
    this.#period.errors.add(error);
  }

  /** Runs `body` in an error scope of the device; `note` hears what the scope has caught. */
  watch<T>(
    filter: GPUErrorFilter,
    body: () => T,
    note: (error: GPUError) => void = (error) => this.add(toDeviceError(error)),
  ): T {
    this.#device.pushErrorScope(filter);
    try {
      return body();
    } finally {
      const report = this.#device.popErrorScope().then(
        (error) => error && note(error),
        () => {}, // the device was lost, which is learned by itself
      );
      const before = this.#reported;
      this.#reported = report.then(() => before);
    }
  }

  /** Resolves when everything that has been watched so far is reported. */
  get reported(): Promise<void> {
    return this.#reported;
  }

  /** Takes back what has been mended. */
  forgive(error: DeviceError): void {
    this.#period.errors.delete(error);
  }

  /** Begins a wait, whose end is `check`ed: what is reported late may say more than what came first. */
  begin(): FaultPeriod {
    if (this.#lost) throw this.#lost;
    return this.#period;
  }

  /** Throws what has gone wrong in a wait's period. */
  check(period: FaultPeriod): void {
    if (this.#lost) throw this.#lost;
    const errors = [...period.errors];
    // What lacked memory is refused by validation next, which says less.
    const first = errors.find((error) => error instanceof LimitError) ?? errors[0];
    if (!first) return;
    if (period === this.#period) this.#period = { errors: new Set() };
    throw first;
  }

  /** Throws the reason for a promise of the device that was rejected with `cause`. */
  async explain(cause: unknown, period: FaultPeriod): Promise<never> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, lossNoticeMs);
    });
    await Promise.race([this.#device.lost, patience]);
    clearTimeout(timer);
    this.check(period);
    const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new DeviceError(`the GPU did not finish its work (${text})`, { cause });
  }

  /** From here on, the device is being closed on purpose. */
  close(): void {
    this.#closing = true;
    this.#device.removeEventListener("uncapturederror", this.#onError);
  }
}

export const outOfMemory = (message: string): LimitError =>
  new LimitError(
    `the GPU is out of memory: ${message}; use a smaller batch or a narrower model (what was idle ` +
      "is given back: what failed may be tried again)",
  );

export function toDeviceError(error: GPUError): DeviceError {
  const kind = error.constructor.name;
  const { message } = error;
  if (kind === "GPUOutOfMemoryError") return outOfMemory(message);
  if (kind === "GPUValidationError") {
    return new DeviceValidationError(`the GPU driver refused a command: ${message}`);
  }
  return new DeviceError(`the GPU driver failed: ${message}`);
}
