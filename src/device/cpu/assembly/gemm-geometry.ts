// Where the rows of a convolution's GEMM lie. A plain matrix is an image of height m and width 1.

/**
 * A grid of `h` x `w` points per image. Point (y, x) reads input pixel (y * strideH + dy,
 * x * strideW + dx) of an inH x inW image, for each tap (dy, dx), zero outside; and stands for
 * output pixel (y * outStrideH + outOffsetH, x * outStrideW + outOffsetW) of an outH x outW image.
 */
@unmanaged
export class Grid {
  h: i32;
  w: i32;
  inH: i32;
  inW: i32;
  strideH: i32;
  strideW: i32;
  outH: i32;
  outW: i32;
  outStrideH: i32;
  outStrideW: i32;
  outOffsetH: i32;
  outOffsetW: i32;
  taps: i32;
  /** `taps` pairs of words follow: dy, dx. */
}

// @ts-ignore: decorator
@inline
export function tapRow(grid: Grid, tap: i32): i32 {
  return load<i32>(changetype<usize>(grid) + (<usize>tap << 3), offsetof<Grid>());
}

// @ts-ignore: decorator
@inline
export function tapColumn(grid: Grid, tap: i32): i32 {
  return load<i32>(changetype<usize>(grid) + (<usize>tap << 3), offsetof<Grid>() + 4);
}

/** A point of all images' grids, stepped through in row-major order. */
@unmanaged
export class Point {
  image: i32;
  y: i32;
  x: i32;
}

// @ts-ignore: decorator
@inline
export function moveTo(point: Point, grid: Grid, index: i32): void {
  const w = grid.w, h = grid.h;
  point.x = index % w;
  point.y = (index / w) % h;
  point.image = index / (w * h);
}

// @ts-ignore: decorator
@inline
export function moveOn(point: Point, grid: Grid): void {
  if (++point.x < grid.w) return;
  point.x = 0;
  if (++point.y < grid.h) return;
  point.y = 0;
  point.image++;
}

/** The output pixel that a point stands for. */
// @ts-ignore: decorator
@inline
export function outputPixel(grid: Grid, point: Point): i32 {
  const y = point.y * grid.outStrideH + grid.outOffsetH;
  const x = point.x * grid.outStrideW + grid.outOffsetW;
  return (point.image * grid.outH + y) * grid.outW + x;
}

/** What the packers need to know of the taps: how far they reach, and each one's byte offset. */
@unmanaged
export class Taps {
  lowH: i32;
  highH: i32;
  lowW: i32;
  highW: i32;
  /** One word per tap follows. */
}

// @ts-ignore: decorator
@inline
export function tapOffset(taps: Taps, tap: i32): usize {
  return load<usize>(changetype<usize>(taps) + (<usize>tap << 2), offsetof<Taps>());
}

export function measureTaps(taps: Taps, grid: Grid, pixelBytes: i32): void {
  taps.lowH = taps.lowW = i32.MAX_VALUE;
  taps.highH = taps.highW = i32.MIN_VALUE;
  for (let t = 0; t < grid.taps; t++) {
    const dy = tapRow(grid, t), dx = tapColumn(grid, t);
    taps.lowH = min(taps.lowH, dy);
    taps.highH = max(taps.highH, dy);
    taps.lowW = min(taps.lowW, dx);
    taps.highW = max(taps.highW, dx);
    const offset = (dy * grid.inW + dx) * pixelBytes;
    store<i32>(changetype<usize>(taps) + (<usize>t << 2), offset, offsetof<Taps>());
  }
}

/** Whether every tap of a point lies inside the image. */
// @ts-ignore: decorator
@inline
export function reachesInside(taps: Taps, grid: Grid, y: i32, x: i32): bool {
  return (
    y + taps.lowH >= 0 && y + taps.highH < grid.inH && x + taps.lowW >= 0 &&
    x + taps.highW < grid.inW
  );
}

// @ts-ignore: decorator
@inline
export function tapInside(grid: Grid, tap: i32, y: i32, x: i32): bool {
  return (
    <u32>(y + tapRow(grid, tap)) < <u32>grid.inH && <u32>(x + tapColumn(grid, tap)) < <u32>grid.inW
  );
}
