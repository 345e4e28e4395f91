/** Red, green and blue in 0 .. 255. */
export type Colour = readonly [number, number, number];

/** A square picture, [size, size, 3] in 0 .. 255, not yet rounded to bytes. */
export interface Canvas {
  readonly size: number;
  readonly pixels: Float32Array;
}

/** How a thing lies on a canvas: its frame's unit is `radius` pixels, its x axis (axisX, axisY). */
export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly axisX: number;
  readonly axisY: number;
  /** Stretches the frame along its y axis; 1 keeps it. */
  readonly aspect: number;
}

/** Sets every pixel. */
export function paint(canvas: Canvas, colour: (x: number, y: number) => Colour): void {
  const { size, pixels } = canvas;
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++, i += 3) {
      const [r, g, b] = colour(x, y);
      pixels[i] = r;
      pixels[i + 1] = g;
      pixels[i + 2] = b;
    }
  }
}

/**
 * Draws a form over what is there, its edges smoothed over one pixel.
 * @param form signed distance in the placement's frame; it must be positive beyond `reach`
 * @param colour of a point in the placement's frame
 */
export function draw(
  canvas: Canvas,
  at: Placement,
  form: (x: number, y: number) => number,
  colour: (x: number, y: number) => Colour,
  opacity: number,
  reach = 1.5,
): void {
  const { size, pixels } = canvas;
  const extent = at.radius * reach * Math.max(at.aspect, 1) + 1;
  const top = Math.max(0, Math.floor(at.y - extent));
  const bottom = Math.min(size - 1, Math.ceil(at.y + extent));
  const left = Math.max(0, Math.floor(at.x - extent));
  const right = Math.min(size - 1, Math.ceil(at.x + extent));
  for (let py = top; py <= bottom; py++) {
    for (let px = left; px <= right; px++) {
      const dx = (px - at.x) / at.radius;
      const dy = (py - at.y) / at.radius;
      const u = dx * at.axisX + dy * at.axisY;
      const v = (dy * at.axisX - dx * at.axisY) / at.aspect;
      const covered = Math.min(Math.max(0.5 - form(u, v) * at.radius, 0), 1) * opacity;
      if (covered === 0) continue;
      const rgb = colour(u, v);
      const i = (py * size + px) * 3;
      for (let c = 0; c < 3; c++) {
        const below = pixels[i + c] ?? 0;
        pixels[i + c] = below + covered * ((rgb[c] ?? 0) - below);
      }
    }
  }
}

/** Blurs with the kernel [w, 1 - 2w, w] along both axes, edges repeated. */
export function blur(canvas: Canvas, w: number): void {
  const { size, pixels } = canvas;
  const line = new Float32Array(size);
  const pass = (start: number, step: number) => {
    for (let i = 0; i < size; i++) line[i] = pixels[start + i * step] ?? 0;
    for (let i = 0; i < size; i++) {
      const before = line[Math.max(i - 1, 0)] ?? 0;
      const after = line[Math.min(i + 1, size - 1)] ?? 0;
      pixels[start + i * step] = (line[i] ?? 0) * (1 - 2 * w) + w * (before + after);
    }
  };
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < size; i++) pass(i * size * 3 + c, 3);
    for (let i = 0; i < size; i++) pass(i * 3 + c, size * 3);
  }
}
