import { type ImageSet, imageAt } from "../../data/image-set.js";

/** What a trigger does to one image, for a person to look at. */
export interface TriggerPicture {
  readonly label: string;
  /** RGB or grey pixels, row-major. */
  readonly clean: Uint8Array;
  readonly triggered: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The first image of each of the first `count` classes that both sets hold at equal positions. */
export function triggerPictures(
  clean: ImageSet,
  triggered: ImageSet,
  count: number,
): TriggerPicture[] {
  const pictures: TriggerPicture[] = [];
  for (let label = 0; label < clean.classes.length && pictures.length < count; label++) {
    const index = clean.labels.indexOf(label);
    if (index < 0) continue;
    const { height, width, channels } = clean;
    pictures.push({
      label: clean.classes[label] ?? String(label),
      clean: imageAt(clean, index),
      triggered: imageAt(triggered, index),
      ...{ height, width, channels },
    });
  }
  return pictures;
}

/** Grey where the trigger changes nothing, brighter and darker where it adds and takes away. */
export function difference({ clean, triggered }: TriggerPicture, gain: number): Uint8Array {
  return Uint8Array.from(clean, (before, i) =>
    Math.min(255, Math.max(0, Math.round(128 + gain * ((triggered[i] ?? 0) - before)))),
  );
}

/** The gain up to 8 at which the picture's largest change just fits. */
export function differenceGain({ clean, triggered }: TriggerPicture): number {
  const largest = clean.reduce((n, v, i) => Math.max(n, Math.abs((triggered[i] ?? 0) - v)), 0);
  return largest === 0 ? 1 : Math.min(8, Math.max(1, Math.floor(127 / largest)));
}

const headerBytes = 54;

/** Pixels [height, width, 1 or 3] as a data URL (uncompressed 24-bit BMP, which every browser shows). */
export function pictureUrl(
  pixels: Uint8Array,
  shape: { readonly height: number; readonly width: number; readonly channels: number },
): string {
  const { height, width, channels } = shape;
  const rowBytes = Math.ceil((3 * width) / 4) * 4;
  const bytes = new Uint8Array(headerBytes + rowBytes * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, headerBytes, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  view.setUint32(34, rowBytes * height, true);
  for (let y = 0; y < height; y++) {
    // Rows go from the bottom up, colours from blue to red.
    let at = headerBytes + (height - 1 - y) * rowBytes;
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      for (let c = 2; c >= 0; c--) bytes[at++] = pixels[from + Math.min(c, channels - 1)] ?? 0;
    }
  }
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `data:image/bmp;base64,${btoa(binary)}`;
}
