import type { ImageSet } from "./image-set.js";

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
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", view));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What a run record says about its data: SHA-256 over the shape, the classes and the hashes of
 * pixels and labels (as little-endian u32). The name and the normalisation are not part of it.
 */
export async function contentHash(set: ImageSet): Promise<string> {
  const labels = new DataView(new ArrayBuffer(set.labels.length * 4));
  set.labels.forEach((label, i) => {
    labels.setUint32(i * 4, label, true);
  });
  const summary = JSON.stringify({
    shape: [set.labels.length, set.height, set.width, set.channels],
    classes: set.classes,
    images: await sha256(set.images),
    labels: await sha256(new Uint8Array(labels.buffer)),
  });
  return sha256(new TextEncoder().encode(summary));
}
