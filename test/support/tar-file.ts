import { concat, text } from "./bytes.js";

export interface TarPart {
  readonly name: string;
  readonly content?: ArrayLike<number>;
  /** The field's 12 bytes, when it is not the content's length in octal. */
  readonly size?: string | readonly number[];
  readonly kind?: string;
  readonly prefix?: string;
}

const END = new Array(1024).fill(0);

/** A tar archive with nothing of the reader in it; `end` instead of two blocks of zeros. */
export function tarFile(parts: readonly TarPart[], end: ArrayLike<number> = END): Uint8Array {
  return concat([...parts.flatMap((part) => [tarHeader(part), padded(part.content ?? [])]), end]);
}

function padded(content: ArrayLike<number>): Uint8Array {
  const block = new Uint8Array(Math.ceil(content.length / 512) * 512);
  block.set(content);
  return block;
}

function tarHeader({ name, content = [], size, kind = "0", prefix = "" }: TarPart): Uint8Array {
  const header = new Uint8Array(512);
  const octal = content.length.toString(8).padStart(11, "0");
  const field = size ?? octal;
  header.set(text(name), 0);
  header.set(typeof field === "string" ? text(field) : field, 124);
  header.set(text(`        ${kind}`), 148);
  header.set(text("ustar\u000000"), 257);
  header.set(text(prefix), 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(text(`${sum.toString(8).padStart(6, "0")}\u0000 `), 148);
  return header;
}
