import { type ImageSet, type ImageShape, imageBytes } from "../../data/image-set.js";

/** How much a trigger changes images, means over them. */
export interface Invisibility {
  /** Euclidean length of the change, in grey levels of 0 .. 1. */
  readonly l2: number;
  /** Largest change of a byte, in grey levels of 0 .. 255. */
  readonly lInfinity: number;
  /** Peak signal-to-noise ratio in dB; images that stay as they are are left out, Infinity if all do. */
  readonly psnr: number;
  /** Structural similarity (Wang et al. 2004), 1 for equal images. */
  readonly ssim: number;
}

/**
 * Compares images with their triggered copies, which lie at the same positions.
 *
 * @throws RangeError when the sets are not of one shape and length, or empty
 */
export function invisibility(clean: ImageSet, triggered: ImageSet): Invisibility {
  const bytes = imageBytes(clean);
  const count = clean.labels.length;
  if (count === 0 || triggered.images.length !== clean.images.length) {
    throw new RangeError(
      `invisibility: needs as many images as copies, and one at least; there are ${count} of ` +
        `${bytes} bytes, and ${triggered.labels.length} of ${imageBytes(triggered)}`,
    );
  }
  const sums = { l2: 0, lInfinity: 0, psnr: 0, ssim: 0 };
  let changed = 0;
  for (let i = 0; i < count; i++) {
    const part = (set: ImageSet) => set.images.subarray(i * bytes, (i + 1) * bytes);
    const [a, b] = [part(clean), part(triggered)];
    let squares = 0;
    let largest = 0;
    a.forEach((x, k) => {
      const d = x - (b[k] ?? 0);
      squares += d * d;
      largest = Math.max(largest, Math.abs(d));
    });
    sums.l2 += Math.sqrt(squares) / 255;
    sums.lInfinity += largest;
    if (squares > 0) {
      sums.psnr += 10 * Math.log10((255 * 255 * bytes) / squares);
      changed++;
    }
    sums.ssim += structuralSimilarity(a, b, clean);
  }
  return {
    l2: sums.l2 / count,
    lInfinity: sums.lInfinity / count,
    psnr: changed > 0 ? sums.psnr / changed : Number.POSITIVE_INFINITY,
    ssim: sums.ssim / count,
  };
}

const side = 7;

/**
 * SSIM with windows of 7x7 pixels, equal weights and unbiased variances, its mean over all windows
 * inside of the image and all channels: (2 ma mb + c1) (2 cov + c2) / ((ma^2 + mb^2 + c1)
 * (va + vb + c2)), c1 = (0.01 255)^2, c2 = (0.03 255)^2. Smaller images are one window.
 */
export function structuralSimilarity(a: Uint8Array, b: Uint8Array, shape: ImageShape): number {
  const { height, width, channels } = shape;
  const [rows, columns] = [Math.min(side, height), Math.min(side, width)];
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  const n = rows * columns;
  const unbiased = n > 1 ? n / (n - 1) : 1;
  let sum = 0;
  let windows = 0;
  for (let top = 0; top + rows <= height; top++) {
    for (let left = 0; left + columns <= width; left++) {
      for (let c = 0; c < channels; c++) {
        let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
        for (let i = top; i < top + rows; i++) {
          for (let j = left; j < left + columns; j++) {
            const k = (i * width + j) * channels + c;
            const [x, y] = [a[k] ?? 0, b[k] ?? 0];
            sa += x;
            sb += y;
            saa += x * x;
            sbb += y * y;
            sab += x * y;
          }
        }
        const [ma, mb] = [sa / n, sb / n];
        const va = unbiased * (saa / n - ma * ma);
        const vb = unbiased * (sbb / n - mb * mb);
        const cov = unbiased * (sab / n - ma * mb);
        const shared = (2 * ma * mb + c1) * (2 * cov + c2);
        sum += shared / ((ma * ma + mb * mb + c1) * (va + vb + c2));
        windows++;
      }
    }
  }
  return sum / windows;
}
