import { convertIndexedToRgb, type DecodedPng, decode as decodePng } from "fast-png";
import { decode as decodeJpeg } from "jpeg-js";
import { sha256 } from "./hash.js";
import { type ImageShape, imageSet } from "./image-set.js";
import { type PictureFile, readPictureFile } from "./picture-field.js";
import { resized } from "./resize.js";

/** Pixels [height, width, channels], 1 (grey) or 3 (RGB) channels. */
export interface Picture extends ImageShape {
  readonly pixels: Uint8Array;
}

/** A picture that cannot be read, or is not the one that a record names. */
export class PictureError extends Error {
  override name = "PictureError";
}

/** Larger pictures are refused before memory is taken for them. */
const mostPixels = 64e6;

/**
 * The pixels of a PNG or JPEG file, whole bytes. Transparency is left out, 16 bits are cut to 8; an
 * orientation in a camera's notes is ignored.
 *
 * @param name the file's name, for messages
 * @throws PictureError that names the file and what is wrong with it
 */
export function decodePicture(file: Uint8Array, name: string): Picture {
  const begins = (...bytes: number[]): boolean => bytes.every((byte, i) => file[i] === byte);
  const isPng = begins(0x89, 0x50, 0x4e, 0x47);
  if (!isPng && !begins(0xff, 0xd8)) {
    throw new PictureError(`${name} is neither a PNG nor a JPEG file`);
  }
  try {
    return isPng ? fromPng(file) : fromJpeg(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const form = isPng ? "PNG" : "JPEG";
    throw new PictureError(`${name} cannot be read as a ${form} file: ${reason}`, { cause });
  }
}

function fromJpeg(file: Uint8Array): Picture {
  const { width, height, data } = decodeJpeg(file, {
    ...{ useTArray: true, formatAsRGBA: false, tolerantDecoding: false },
    ...{ maxResolutionInMP: mostPixels / 1e6, maxMemoryUsageInMB: 1024 },
  });
  return { height, width, channels: 3, pixels: data };
}

function fromPng(file: Uint8Array): Picture {
  // The header is always the first part: width and height in bytes 16 .. 23.
  const header = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const pixels = header.getUint32(16) * header.getUint32(20);
  if (pixels > mostPixels) throw new Error(`${pixels} pixels are more than ${mostPixels}`);
  const png = decodePng(file, { checkCrc: true });
  const { height, width } = png;
  const { data, channels } = toBytes(png);
  const kept = channels > 2 ? 3 : 1;
  const out = new Uint8Array(height * width * kept);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < kept; c++) out[i * kept + c] = data[i * channels + c] ?? 0;
  }
  return { height, width, channels: kept, pixels: out };
}

/** Eight bits a channel: palettes looked up, 16 bits cut, fewer than 8 spread over 0 .. 255. */
function toBytes(png: DecodedPng): Pick<DecodedPng, "channels"> & { data: Uint8Array } {
  const { depth, channels, palette } = png;
  if (palette || depth < 8) {
    const steps = 2 ** depth;
    const greys = Array.from({ length: steps }, (_, i) => Math.round((255 * i) / (steps - 1)));
    const looked = palette ? png : { ...png, palette: greys.map((g) => [g, g, g] as const) };
    const colours = palette?.[0]?.length ?? 3;
    return { data: convertIndexedToRgb(looked as DecodedPng), channels: colours };
  }
  const data = depth === 16 ? Uint8Array.from(png.data, (value) => value >> 8) : png.data;
  return { data: data as Uint8Array, channels };
}

/** Grey from RGB by ITU-R BT.601's luma, as Pillow has it, or RGB from grey. */
function withChannels(picture: Picture, channels: number): Picture {
  if (picture.channels === channels) return picture;
  const { pixels, height, width } = picture;
  const at = (i: number): number => pixels[i] ?? 0;
  const value = (i: number): number =>
    channels === 1
      ? (at(3 * i) * 19595 + at(3 * i + 1) * 38470 + at(3 * i + 2) * 7471 + 0x8000) >> 16
      : at(Math.floor(i / channels));
  const out = Uint8Array.from({ length: height * width * channels }, (_, i) => value(i));
  return { height, width, channels, pixels: out };
}

/**
 * The pixels of a picture file as one image of a shape: decoded, resized with antialiasing (as Pillow
 * does), its colours turned to grey where the images are.
 *
 * @throws PictureError when the file cannot be read or is not the one that the hash names
 */
export async function loadPicture(
  { file, sha256: expected }: PictureFile,
  shape: ImageShape,
): Promise<Uint8Array> {
  const bytes = await readPictureFile(file);
  const found = await sha256(bytes);
  if (expected !== undefined && found !== expected) {
    throw new PictureError(
      `${file} is not the picture of the run: its SHA-256 is ${found.slice(0, 12)}..., the record ` +
        `says ${expected.slice(0, 12)}...; put the run's own picture back there`,
    );
  }
  const { pixels, height, width, channels } = withChannels(
    decodePicture(bytes, file),
    shape.channels,
  );
  const set = imageSet({
    ...{ name: file, images: pixels, height, width, channels },
    ...{ labels: Uint32Array.of(0), classes: ["picture"] },
    mean: new Array<number>(channels).fill(0),
    std: new Array<number>(channels).fill(1),
  });
  return resized(set, shape.height, shape.width).images;
}
