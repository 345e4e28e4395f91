import type { DeviceCounters } from "../device.js";
import type { Binding, Constants, Dispatch, Shader } from "./lowering.js";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly name: string;
  /** Unique among the pipelines' bind group layouts; part of a bind group's key. */
  readonly layoutKey: string;
}

/** Compute pipelines by shader, constants and the kinds of their bindings. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #counters: DeviceCounters;
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; all: GPUPipelineLayout }>();
  readonly #pipelines = new Map<Shader, Map<string, Pipeline>>();

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

  #create(
    shader: Shader,
    constants: Constants,
    layoutKey: string,
    bindings: readonly Binding[],
  ): Pipeline {
    const layout = this.#layout(layoutKey, bindings);
    const code = shaderText(shader, constants);
    const module = this.#device.createShaderModule({ label: shader.name, code });
    this.#counters.pipelinesCreated++;
    const pipeline = this.#device.createComputePipeline({
      label: shader.name,
      layout: layout.all,
      compute: { module, entryPoint: "main" },
    });
    return { pipeline, layout: layout.group, name: shader.name, layoutKey };
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
  const enables = (shader.enables ?? []).map((feature) => `enable ${feature};`);
  const lines = Object.entries(constants).map(([name, value]) =>
    typeof value === "string" ? `alias ${name} = ${value};` : `const ${name} = ${value};`,
  );
  return [...enables, ...lines, shader.text].join("\n");
}
