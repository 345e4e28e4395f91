/** What went wrong on a device. Every asynchronous device fault surfaces as one of these. */
export class DeviceError extends Error {
  override name = "DeviceError";
}

/** No adapter, no package, no WebAssembly: the device asked for cannot be opened here. */
export class DeviceUnavailableError extends DeviceError {
  override name = "DeviceUnavailableError";
}

/** The device went away (driver reset, unplugged, destroyed). Nothing on it can be read again. */
export class DeviceLostError extends DeviceError {
  override name = "DeviceLostError";
}

/** The device lacks an element type that was asked for: the message names both and the remedy. */
export class UnsupportedPrecisionError extends DeviceError {
  override name = "UnsupportedPrecisionError";
}

/** A tensor or a pool does not fit: the message names the tensor, its size and the limit. */
export class LimitError extends DeviceError {
  override name = "LimitError";
}

/** The driver refused a command. The results of everything enqueued since the last read are void. */
export class DeviceValidationError extends DeviceError {
  override name = "DeviceValidationError";
}

/** A tensor or slice was used after its scope had released it. */
export class ReleasedError extends DeviceError {
  override name = "ReleasedError";
}

/** A gradient cannot be had, or not be used as asked: the message names what is in the way. */
export class GradientError extends Error {
  override name = "GradientError";
}

/** A model's parts or its state do not allow a call: the message names the part and the remedy. */
export class ModuleError extends Error {
  override name = "ModuleError";
}

/** Bad arguments to an op: the message names the op, the shapes or values, and the remedy. */
export class ShapeError extends Error {
  override name = "ShapeError";
}
