import type { AugmentCall, KernelCalls } from "../kernels.js";
import { float32Bits, type Lowering } from "./lowering.js";

const reduceOps = { sum: 0, mean: 1, max: 2, argmax: 3 } as const;

/** Elements of the reduced dimension that one partial result covers. */
const contiguousChunk = 16384;
const columnChunk = 512;

export function lowerReduce(call: KernelCalls["reduce"], lowering: Lowering): void {
  reduceAt(call.op, lowering.address(call.x), lowering.address(call.out), call, lowering);
}

/** `reduce` from one address to another. */
export function reduceAt(
  name: KernelCalls["reduce"]["op"],
  x: number,
  out: number,
  { outer, reduced, inner }: Pick<KernelCalls["reduce"], "outer" | "reduced" | "inner">,
  lowering: Lowering,
): void {
  const op = reduceOps[name];
  const chunk = inner === 1 ? contiguousChunk : columnChunk;
  const chunks = Math.ceil(reduced / chunk);
  const partials = lowering.scratch(8 * outer * chunks * inner);
  lowering.command("reduce_partial", [
    ...[op, x, partials],
    ...[outer, reduced, inner, chunk, chunks],
  ]);
  lowering.command("reduce_combine", [...[op, partials, out], ...[outer, inner, chunks, reduced]]);
}

export function lowerSoftmaxCrossEntropy(
  call: KernelCalls["softmaxCrossEntropy"],
  { address, command }: Lowering,
): void {
  command("softmax_cross_entropy", [
    ...[call.logits, call.labels, call.loss, call.probabilities].map(address),
    ...[call.rows, call.classes, float32Bits(call.on), float32Bits(call.off)],
  ]);
}

export function lowerSoftmaxCrossEntropyBackward(
  call: KernelCalls["softmaxCrossEntropyBackward"],
  { address, command }: Lowering,
): void {
  command("softmax_cross_entropy_backward", [
    ...[call.probabilities, call.labels, call.dloss, call.dlogits].map(address),
    ...[call.rows, call.classes, float32Bits(call.on), float32Bits(call.off)],
  ]);
}

export function lowerGatherRows(
  { x, index, out, rows, picked, columns }: KernelCalls["gatherRows"],
  { address, command }: Lowering,
): void {
  command("gather_rows", [...[x, index, out].map(address), rows, picked, columns]);
}

export function lowerScatterAddRows(
  { dy, index, out, rows, picked, columns }: KernelCalls["scatterAddRows"],
  { address, command }: Lowering,
): void {
  command("scatter_add_rows", [...[dy, index, out].map(address), rows, picked, columns]);
}

export function lowerOneHot(
  { index, out, picked, classes, on, off }: KernelCalls["oneHot"],
  { address, command }: Lowering,
): void {
  const values = [float32Bits(on), float32Bits(off)];
  command("one_hot", [address(index), address(out), picked, classes, ...values]);
}

export function lowerAugment(call: AugmentCall, { address, command }: Lowering): void {
  const { images, out, state, n, h, w, channels, pad, flip, mean, std } = call;
  const four = (values: readonly number[], rest: number): number[] =>
    [0, 1, 2, 3].map((c) => float32Bits(values[c] ?? rest));
  command("augment", [
    ...[images, out, state].map(address),
    ...[n, h, w, channels, pad, Number(flip)],
    ...[...four(mean, 0), ...four(std, 1)],
  ]);
}

export function lowerRandom(
  { op, out, state, low, high }: KernelCalls["random"],
  { address, command }: Lowering,
): void {
  command("random", [
    ...[op === "normal" ? 1 : 0, address(out), address(state), out.length],
    ...[float32Bits(low), float32Bits(high)],
  ]);
}

export function lowerSgd(
  { params, grads, velocity, hyper, skip }: KernelCalls["sgd"],
  { address, command }: Lowering,
): void {
  const skipped = skip ? address(skip) : 0;
  command("sgd", [...[params, grads, velocity, hyper].map(address), params.length, skipped]);
}

export function lowerAdamCount(
  { count, hyper, skip }: KernelCalls["adamCount"],
  { address, command }: Lowering,
): void {
  command("adam_count", [address(count), address(hyper), skip ? address(skip) : 0]);
}

export function lowerAdam(
  { params, grads, m, v, count, hyper, skip }: KernelCalls["adam"],
  { address, command }: Lowering,
): void {
  const skipped = skip ? address(skip) : 0;
  const slices = [params, grads, m, v, count, hyper];
  command("adam", [...slices.map(address), params.length, skipped]);
}

export function lowerMultiplyAdd(
  { out, rounds }: KernelCalls["multiplyAdd"],
  { address, command }: Lowering,
): void {
  command("multiply_add", [address(out), out.length, rounds]);
}
