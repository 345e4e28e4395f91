/**
 * A GPUDevice with room for `maxBytes` of storage buffers: beyond that `createBuffer` gives an
 * invalid buffer and the innermost scope for memory hears of it, as WebGPU has it. `room` may grow.
 */
export function scarce(gpu: GPUDevice, room: { maxBytes: number; refused: number }): GPUDevice {
  const storage = 128;
  let used = 0;
  /** For each scope for memory whether something was refused in it; null for other scopes. */
  const scopes: ({ error: GPUError | null } | null)[] = [];

  const createBuffer = (descriptor: GPUBufferDescriptor): GPUBuffer => {
    if (!(descriptor.usage & storage)) return gpu.createBuffer(descriptor);
    if (used + descriptor.size > room.maxBytes) {
      room.refused++;
      const scope = scopes.findLast((s) => s !== null);
      if (scope) scope.error ??= new GPUOutOfMemoryError("no room");
      gpu.pushErrorScope("validation");
      const invalid = gpu.createBuffer({ ...descriptor, usage: 0 });
      gpu.popErrorScope().catch(() => {});
      return invalid;
    }
    used += descriptor.size;
    const buffer = gpu.createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      used -= descriptor.size;
      destroy();
    };
    return buffer;
  };
  const pushErrorScope = (filter: GPUErrorFilter): undefined => {
    scopes.push(filter === "out-of-memory" ? { error: null } : null);
    gpu.pushErrorScope(filter);
  };
  const popErrorScope = async (): Promise<GPUError | null> => {
    const scope = scopes.pop();
    return (await gpu.popErrorScope()) ?? scope?.error ?? null;
  };

  const own: Record<PropertyKey, unknown> = { createBuffer, pushErrorScope, popErrorScope };
  return new Proxy(gpu, {
    get(target, name) {
      if (name in own) return own[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Dawn's package defines no globals. */
class GPUOutOfMemoryError {
  constructor(readonly message: string) {}
}
