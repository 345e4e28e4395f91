/** A file is not what its format demands. The message says where, what was found and expected. */
export class FileFormatError extends Error {
  override name = "FileFormatError";
  /** The byte of the file, or of the archive's entry that the message names; where it is known. */
  readonly position: number | undefined;

  constructor(message: string, options: { position?: number; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.position = options.position;
  }
}

/**
 * Runs a reader so that nothing but a FileFormatError leaves it, with the file's name in front where
 * it is known. Readers check what they read; what they did not foresee is still told as the file's
 * fault, with the error itself as the cause.
 */
export function reading<T>(format: string, file: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FileFormatError && file === undefined) throw error;
    const prefix = file === undefined ? "" : `${file}: `;
    if (error instanceof FileFormatError) {
      const { message, position, cause } = error;
      throw new FileFormatError(`${prefix}${message}`, {
        ...(position !== undefined && { position }),
        cause: cause ?? error,
      });
    }
    throw new FileFormatError(
      `${prefix}${format}: reading it failed in a way that was not foreseen (${error}); it is ` +
        "probably damaged: make or fetch it again",
      { cause: error },
    );
  }
}
