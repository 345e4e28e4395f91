import { type About, field } from "../schema/index.js";
import { readHostFile } from "./directory.js";
import { sha256 } from "./hash.js";

/** A picture of one's own, by its path; a record holds its hash. */
export type PictureFile = {
  readonly file: string;
  readonly sha256?: string;
};

const isFile = (value: unknown, hashed: boolean): value is PictureFile => {
  if (typeof value !== "object" || value === null) return false;
  const { file, sha256: hash, ...others } = value as Record<string, unknown>;
  const isHash = typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
  return (
    typeof file === "string" &&
    file !== "" &&
    (isHash || (hash === undefined && !hashed)) &&
    Object.keys(others).length === 0
  );
};

/**
 * A picture: one that is drawn, by name, or a PNG or JPEG file, by its path. On the command line what
 * has a dot or a slash is a path.
 */
export function picture<
  const C extends readonly string[],
  const A extends About<C[number] | PictureFile>,
>(drawn: C, about: A) {
  type Value = C[number] | PictureFile;
  return field<Value, A>(about, {
    expected: [...drawn.map((name) => JSON.stringify(name)), "a PNG or JPEG file"].join(" or "),
    choices: drawn,
    placeholder: [...drawn, "file"].join("|"),
    is: (value, mode) => drawn.includes(value as string) || isFile(value, mode === "record"),
    read: (text) => (/[./\\]/.test(text) ? { file: text } : text),
    settle: async (value) => {
      if (typeof value === "string" || value.sha256 !== undefined) return value;
      return { file: value.file, sha256: await sha256(await readPictureFile(value.file)) };
    },
  });
}

/** The file's bytes, or an error that says whose they are. */
export async function readPictureFile(file: string): Promise<Uint8Array> {
  try {
    return await readHostFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot read the picture ${file}: ${reason}`, { cause });
  }
}
