import { sha256 as incremental } from "@noble/hashes/sha2.js";
import { imageBytes } from "./image-set.js";
import { type Images, readImages } from "./image-source.js";

/**
 * SHA-256 of `data`, in lower-case hex.
 * @throws Error where WebCrypto is missing: in a browser, a page that is not served securely
 */
export async function sha256(data: Uint8Array): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new Error(
      "sha256: WebCrypto is not available here; serve the page over https or from localhost",
    );
  }
  const { buffer, byteOffset, byteLength } = data;
  // WebCrypto takes no view of shared memory.
  const view =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : new Uint8Array(data);
  return hex(new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", view)));
}

const hex = (digest: Uint8Array): string =>
  Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Images of a source that are read at a time to be hashed. */
const hashedTogether = 256;

/** SHA-256 of all pixels in order. WebCrypto hashes only what is whole, and a source is not. */
async function pixelHash(set: Images): Promise<string> {
  if ("images" in set) return sha256(set.images);
  const hash = incremental.create();
  const count = set.labels.length;
  for (let first = 0; first < count; first += hashedTogether) {
    const length = Math.min(hashedTogether, count - first);
    const images = new Uint8Array(length * imageBytes(set));
    await readImages(
      set,
      Uint32Array.from({ length }, (_, i) => first + i),
      images,
    );
    hash.update(images);
  }
  return hex(hash.digest());
}

/**
 * What a run record says about its data: SHA-256 over the shape, the classes and the hashes of
 * pixels and labels (as little-endian u32). The name and the normalisation are not part of it.
 */
export async function contentHash(set: Images): Promise<string> {
  const labels = new DataView(new ArrayBuffer(set.labels.length * 4));
  set.labels.forEach((label, i) => {
    labels.setUint32(i * 4, label, true);
  });
  const summary = JSON.stringify({
    shape: [set.labels.length, set.height, set.width, set.channels],
    classes: set.classes,
    images: await pixelHash(set),
    labels: await sha256(new Uint8Array(labels.buffer)),
  });
  return sha256(new TextEncoder().encode(summary));
}
