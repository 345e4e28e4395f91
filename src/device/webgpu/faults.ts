import { DeviceError, DeviceLostError, DeviceValidationError, LimitError } from "../errors.js";

/** How long a rejected promise waits for the loss that may have caused it to be announced. */
const lossNoticeMs = 1000;

/**
 * Collects what WebGPU reports on the side, so that the next wait can throw it. A validation or
 * memory fault is thrown once; a loss is final.
 */
export class Faults {
  readonly #device: GPUDevice;
  readonly #onError = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    this.add(toDeviceError(event.error));
  };
  #first: DeviceError | undefined;
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
    this.#first ??= error;
  }

  /** Throws what has gone wrong since the last call. */
  check(): void {
    if (this.#lost) throw this.#lost;
    const first = this.#first;
    this.#first = undefined;
    if (first) throw first;
  }

  /** Throws the reason for a promise of the device that was rejected with `cause`. */
  async explain(cause: unknown): Promise<never> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, lossNoticeMs);
    });
    await Promise.race([this.#device.lost, patience]);
    clearTimeout(timer);
    this.check();
    const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new DeviceError(`the GPU did not finish its work (${text})`, { cause });
  }

  /** From here on, the device is being closed on purpose. */
  close(): void {
    this.#closing = true;
    this.#device.removeEventListener("uncapturederror", this.#onError);
  }
}

export function toDeviceError(error: GPUError, doing = ""): DeviceError {
  const kind = error.constructor.name;
  const message = `${doing}${error.message}`;
  if (kind === "GPUOutOfMemoryError") {
    return new LimitError(
      `the GPU is out of memory: ${message}; use a smaller batch or a narrower model`,
    );
  }
  if (kind === "GPUValidationError") {
    return new DeviceValidationError(`the GPU driver refused a command: ${message}`);
  }
  return new DeviceError(`the GPU driver failed: ${message}`);
}
