/// The flat index of a workgroup whose count was folded into x and y.
fn groupIndex(id: vec3u, counts: vec3u) -> u32 {
  return id.x + id.y * counts.x;
}
