import simd from "../../../build/kernels/simd.wasm";
import relaxed from "../../../build/kernels/simd-relaxed.wasm";
import relaxedShared from "../../../build/kernels/simd-relaxed-shared.wasm";
import shared from "../../../build/kernels/simd-shared.wasm";
import { DeviceUnavailableError } from "../errors.js";

/** (func (result v128) v128.const 0 three times, f32x4.relaxed_madd): valid where relaxed SIMD is. */
const relaxedProbe = (() => {
  const zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
  const body = [0, ...zero, ...zero, ...zero, 0xfd, 0x85, 0x02, 0x0b];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 5, 1, 0x60, 0, 1, 0x7b];
  return new Uint8Array([
    ...header,
    ...type,
    ...[3, 2, 1, 0],
    ...[10, body.length + 2, 1, body.length],
    ...body,
  ]);
})();

export const hasRelaxedSimd = (): boolean => WebAssembly.validate(relaxedProbe);

/** Compiles the build of the kernels for the features asked for. */
export async function compileKernels(options: {
  relaxed: boolean;
  shared: boolean;
}): Promise<WebAssembly.Module> {
  const build = options.shared
    ? options.relaxed
      ? relaxedShared
      : shared
    : options.relaxed
      ? relaxed
      : simd;
  try {
    return await WebAssembly.compile(await build());
  } catch (error) {
    throw new DeviceUnavailableError(
      `this engine cannot compile the CPU kernels, which need WebAssembly with SIMD: ${error}`,
    );
  }
}

/** The kernels' names; a kernel's place in the list plus `firstSlot` is its function table slot. */
export const kernelNames = (module: WebAssembly.Module): string[] =>
  WebAssembly.Module.exports(module)
    .filter(({ kind, name }) => kind === "function" && !runtimeExports.has(name))
    .map(({ name }) => name);

const runtimeExports = new Set(["heapBase", "work", "once"]);

/** What the compiled kernels export besides the kernels. */
export interface RuntimeExports {
  readonly table: WebAssembly.Table;
  heapBase(): number;
  work(thread: number, threads: number, control: number, at: number): void;
  once(control: number, at: number): number;
}

/** Puts the kernels behind the slots the compiler used; returns the first one's slot. */
export function fillTable(instance: WebAssembly.Instance, names: readonly string[]): number {
  const { table } = instance.exports as unknown as RuntimeExports;
  const first = table.grow(names.length);
  names.forEach((name, i) => {
    table.set(first + i, instance.exports[name]);
  });
  return first;
}
