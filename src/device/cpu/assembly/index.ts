// Every kernel is an export with the signature (thread: i32, threads: i32, p: usize): void, where p
// is the address of the command's 32-bit words. The elementwise kernels are generated beside these.
export { augment } from "./augment";
export {
  batchnorm_apply,
  batchnorm_finish,
  batchnorm_partial,
  batchnorm_scale,
} from "./batchnorm";
export {
  batchnorm_backward_apply,
  batchnorm_backward_finish,
  batchnorm_backward_partial,
} from "./batchnorm-backward";
export { copy, fill } from "./copy";
export { depthwise, depthwise_gradient } from "./depthwise";
export { gemm_columns, gemm_sum } from "./gemm-columns";
export { gemm_pack } from "./gemm-pack";
export { gemm_rows } from "./gemm-rows";
export { unscale, update_scale } from "./loss-scale";
export { adam, adam_count, sgd } from "./optim";
export { move } from "./move";
export { multiply_add } from "./peak";
export { pool2d, pool2d_backward } from "./pool";
export { random } from "./random";
export { reduce_combine, reduce_partial } from "./reduce";
export { gather_along, sort_rows } from "./sort";
export { gather_rows, one_hot, scatter_add_rows } from "./rows";
export { softmax_cross_entropy, softmax_cross_entropy_backward } from "./softmax";
export {
  winograd2_channels,
  winograd2_input,
  winograd2_tiles,
  winograd2_weights,
  winograd4_channels,
  winograd4_input,
  winograd4_tiles,
  winograd4_weights,
} from "./winograd-conv";
export {
  winograd2_gradient_blocks,
  winograd2_gradient_chunks,
  winograd2_gradient_finish,
  winograd2_gradient_operands,
  winograd4_gradient_blocks,
  winograd4_gradient_chunks,
  winograd4_gradient_finish,
  winograd4_gradient_operands,
} from "./winograd-gradient";
export { heapBase, once, work } from "./runtime";
export { transpose } from "./transpose";
