import type { DeviceCounters } from "../device.js";
import { DeviceError, DeviceValidationError } from "../errors.js";
import type { Binding, Constants, Dispatch, Shader } from "./lowering.js";

/**
 * A compute pipeline, compiled when it is first needed, or ahead of that in the background. What it
 * binds is known before.
 */
export class Pipeline {
  readonly name: string;
  readonly layout: GPUBindGroupLayout;
  /** Unique among the pipelines' bind group layouts; part of a bind group's key. */
  readonly layoutKey: string;
  readonly #device: GPUDevice;
  readonly #describe: () => GPUComputePipelineDescriptor;
  #gpu: GPUComputePipeline | undefined;
  #compiling: Promise<void> | undefined;

  constructor(
    device: GPUDevice,
    names: { name: string; layout: GPUBindGroupLayout; layoutKey: string },
    describe: () => GPUComputePipelineDescriptor,
  ) {
    this.#device = device;
    this.name = names.name;
    this.layout = names.layout;
    this.layoutKey = names.layoutKey;
    this.#describe = describe;
  }

  get compiled(): boolean {
    return this.#gpu !== undefined;
  }

  /** Ready to encode; compiles at once what is not compiled yet. */
  get gpu(): GPUComputePipeline {
    this.#gpu ??= this.#device.createComputePipeline(this.#describe());
    return this.#gpu;
  }

  /** Compiles in the background. Rejects with DeviceError. */
  compile(): Promise<void> {
    if (this.#gpu) return Promise.resolve();
    this.#compiling ??= this.#compile();
    return this.#compiling;
  }

  async #compile(): Promise<void> {
    try {
      const made = await this.#device.createComputePipelineAsync(this.#describe());
      this.#gpu ??= made;
    } catch (cause) {
      throw compileError(this.name, cause);
    } finally {
      this.#compiling = undefined;
    }
  }
}

function compileError(name: string, cause: unknown): DeviceError {
  const reason = (cause as { reason?: unknown }).reason;
  const message =
    `the driver could not compile the kernel ${name} ` +
    `(${cause instanceof Error ? cause.message : String(cause)})`;
  return reason === "validation"
    ? new DeviceValidationError(message, { cause })
    : new DeviceError(message, { cause });
}

/** Compute pipelines by shader, constants and the kinds of their bindings. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; all: GPUPipelineLayout }>();
  readonly #pipelines = new Map<Shader, Map<string, Pipeline>>();
  #settled: Promise<unknown> = Promise.resolve();

  constructor(device: GPUDevice, counters: DeviceCounters) {
    this.#device = device;
    this.#counters = counters;
  }

  get(dispatch: Dispatch): Pipeline {
    const { shader, constants, bindings, params } = dispatch;
    let layoutKey = params ? "u" : "-";
    for (const binding of bindings) layoutKey += binding.access === "read" ? "r" : "w";
    let key = layoutKey;
    for (const name in constants) key += `;${name}=${constants[name]}`;
    let ofShader = this.#pipelines.get(shader);
    if (!ofShader) {
      ofShader = new Map();
      this.#pipelines.set(shader, ofShader);
    }
    let entry = ofShader.get(key);
    if (!entry) {
      entry = this.#create(shader, constants ?? {}, layoutKey, bindings);
      ofShader.set(key, entry);
    }
    return entry;
  }

  /**
   * Compiles all of them side by side, and does with each what `then` asks for. `onProgress` hears
   * how many are done; nothing, if all are. Rejects with the first DeviceError when the last has
   * settled.
   */
  async compile(
    pipelines: Iterable<Pipeline>,
    onProgress: (done: number, all: number) => void = () => {},
    then: (pipeline: Pipeline) => Promise<void> = async () => {},
  ): Promise<void> {
    const missing = [...new Set(pipelines)].filter(({ compiled }) => !compiled);
    if (missing.length === 0) return;
    let done = 0;
    onProgress(0, missing.length);
    const compiling = missing.map(async (pipeline) => {
      await pipeline.compile();
      await then(pipeline);
      onProgress(++done, missing.length);
    });
    const all = Promise.allSettled(compiling);
    this.#settled = Promise.all([this.#settled, all]);
    for (const result of await all) if (result.status === "rejected") throw result.reason;
  }

  /** Resolves when nothing is being compiled. */
  get settled(): Promise<unknown> {
    return this.#settled;
  }

  #create(
    shader: Shader,
    constants: Constants,
    layoutKey: string,
    bindings: readonly Binding[],
  ): Pipeline {
    const { group, all } = this.#layout(layoutKey, bindings);
    const { name } = shader;
    return new Pipeline(this.#device, { name, layout: group, layoutKey }, () => {
      this.#counters.pipelinesCreated++;
      const code = shaderText(shader, constants);
      const module = this.#device.createShaderModule({ label: name, code });
      return { label: name, layout: all, compute: { module, entryPoint: shader.entry ?? "main" } };
    });
  }

  #layout(key: string, bindings: readonly Binding[]) {
    let layout = this.#layouts.get(key);
    if (!layout) {
      const visibility = 4; // GPUShaderStage.COMPUTE
      const entries: GPUBindGroupLayoutEntry[] = bindings.map(({ access }, i) => ({
        binding: i + 1,
        visibility,
        buffer: { type: access === "read" ? "read-only-storage" : "storage" },
      }));
      if (key.startsWith("u")) {
        entries.push({ binding: 0, visibility, buffer: { type: "uniform" } });
      }
      const group = this.#device.createBindGroupLayout({ entries });
      const all = this.#device.createPipelineLayout({ bindGroupLayouts: [group] });
      layout = { group, all };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** The module as the driver sees it: enables, constants, then the shader's own text. */
export function shaderText(shader: Shader, constants: Constants): string {
  const half = Object.values(constants).some((value) => value === "f16" || value === "vec4h");
  const features = new Set([...(shader.enables ?? []), ...(half ? ["f16"] : [])]);
  const enables = [...features].map((feature) => `enable ${feature};`);
  const lines = Object.entries(constants).map(([name, value]) =>
    typeof value === "string" ? `alias ${name} = ${value};` : `const ${name} = ${value};`,
  );
  return [...enables, ...lines, shader.text].join("\n");
}
