/** What the benchmark uses of packages that are installed on demand (see packages.ts). */

declare module "@jax-js/jax" {
  /** Arguments are consumed: `ref` gives another reference to the same array. */
  export interface Array {
    readonly ref: this;
    dispose(): void;
    add(other: Array | number): Array;
    sub(other: Array | number): Array;
    mul(other: Array | number): Array;
    sum(axis?: number[]): Array;
    mean(axis?: number[], options?: { keepdims: boolean }): Array;
    reshape(shape: number[]): Array;
    data(): Promise<Float32Array>;
  }
  type Tree = Array | readonly Tree[];
  export function init(...devices: string[]): Promise<string[]>;
  export function defaultDevice(device: string): string;
  export function jit<F extends (...inputs: never[]) => Tree>(f: F): F & { dispose(): void };
  export function vjp(f: (x: Array) => Array, primals: [Array]): [Array, (dy: Array) => [Array]];
  export function valueAndGrad(
    f: (parameters: Array[], ...inputs: Array[]) => Array,
  ): (parameters: Array[], ...inputs: Array[]) => [Array, Array[]];
  export function blockUntilReady(tree: Tree): Promise<Tree>;
  export const numpy: {
    array(values: Float32Array | Int32Array): Array;
    matmul(a: Array, b: Array): Array;
    sqrt(x: Array): Array;
    reciprocal(x: Array): Array;
  };
  export const lax: {
    convGeneralDilated(x: Array, w: Array, strides: number[], padding: [number, number][]): Array;
  };
  export const nn: {
    relu(x: Array): Array;
    logSoftmax(x: Array, axis: number): Array;
    oneHot(labels: Array, classes: number): Array;
  };
}

declare module "@tensorflow/tfjs-core" {
  export interface Tensor {
    readonly shape: number[];
    dispose(): void;
    data(): Promise<Float32Array>;
  }
  export interface Variable extends Tensor {
    readonly name: string;
  }
  export const version_core: string;
  export function setBackend(name: string): Promise<boolean>;
  /** What the backend itself calls before it reads a tensor. */
  export function backend(): {
    readonly device: GPUDevice;
    ensureCommandEncoderReady(): void;
    endComputePassEncoder(): void;
    submitQueue(): void;
  };
  export function tensor(values: Float32Array, shape: number[]): Tensor;
  export function tensor1d(values: Int32Array, dtype: "int32"): Tensor;
  export function variable(initial: Tensor, trainable?: boolean): Variable;
  export function tidy<T>(f: () => T): T;
  export function dispose(tensors: Tensor | readonly Tensor[]): void;
  export function matMul(a: Tensor, b: Tensor): Tensor;
  export function add(a: Tensor, b: Tensor): Tensor;
  export function mul(a: Tensor, b: Tensor | number): Tensor;
  export function sum(x: Tensor): Tensor;
  export function mean(x: Tensor, axes?: number[]): Tensor;
  export function relu(x: Tensor): Tensor;
  export function oneHot(labels: Tensor, classes: number): Tensor;
  export function moments(x: Tensor, axes: number[]): { mean: Tensor; variance: Tensor };
  export function batchNorm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    beta: Tensor,
    gamma: Tensor,
    eps: number,
  ): Tensor;
  export function conv2d(x: Tensor, w: Tensor, strides: number, pad: number): Tensor;
  export function grad(f: (x: Tensor) => Tensor): (x: Tensor, dy: Tensor) => Tensor;
  export function variableGrads(f: () => Tensor): {
    value: Tensor;
    grads: Record<string, Tensor>;
  };
  export const losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor };
  export const train: {
    momentum(
      rate: number,
      momentum: number,
    ): {
      applyGradients(gradients: Record<string, Tensor>): void;
      dispose(): void;
    };
  };
}

declare module "@tensorflow/tfjs-core/dist/register_all_gradients";
declare module "@tensorflow/tfjs-backend-webgpu";
