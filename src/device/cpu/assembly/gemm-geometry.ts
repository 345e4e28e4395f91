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

/** The output pixel of point `row` of all images' grids. */
// @ts-ignore: decorator
@inline
export function outputPixel(grid: Grid, row: i32): i32 {
  const w = grid.w, h = grid.h;
  const y = (row / w) % h, x = row % w, image = row / (w * h);
  return (
    (image * grid.outH + y * grid.outStrideH + grid.outOffsetH) * grid.outW +
    x * grid.outStrideW + grid.outOffsetW
  );
}
