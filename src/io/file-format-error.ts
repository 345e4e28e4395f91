/** A file is not what its format demands. The message says where, what was found and expected. */
export class FileFormatError extends Error {
  override name = "FileFormatError";
}
