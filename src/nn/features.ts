import { ShapeError } from "../device/errors.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { unfolded } from "./folding.js";
import { BatchNorm2d } from "./layers.js";
import type { Module } from "./module.js";

export interface FeatureOptions {
  /**
   * What takes the place of an activation on its way, by its name: a mask over channels, noise. It
   * is recorded for gradients as any op is; the shape must stay.
   */
  edit?: Readonly<Record<string, (x: Tensor) => Tensor>>;
}

export interface Features {
  /** What the model gives. */
  readonly output: Tensor;
  /** The activations asked for, by name, edits included. */
  readonly features: Readonly<Record<string, Tensor>>;
}

/**
 * Runs a model and keeps activations inside of it. A name is a module's path, for what comes out of
 * it ("layer4"), or the path and ":input", for what goes in ("linear:input", the features that a head
 * sees). A batch norm gives what its pass gives: with the residual and the ReLU folded into it. Layers
 * run one by one, also within `FoldedNorms.run`.
 *
 * @throws ShapeError when the model has no such module, the module did not run, or an edit changes the
 *   shape
 */
export function features(
  model: Module,
  x: Tensor,
  names: readonly string[],
  options: FeatureOptions = {},
): Features {
  const { edit = {} } = options;
  const found: Record<string, Tensor> = Object.create(null);
  const asked = new Set([...names, ...Object.keys(edit)]);
  const modules = new Map(model.modules());
  const watched = new Map<Module, string[]>();
  for (const name of asked) {
    const path = name.replace(/:input$/, "");
    const module = modules.get(path);
    if (!module) {
      const known = [...modules.keys()].filter((k) => k !== "");
      throw new ShapeError(
        `features: the model has no module "${path}"; it has ${known.slice(0, 6).join(", ")}` +
          (known.length > 6 ? `, ... (${known.length})` : ""),
      );
    }
    watched.set(module, [...(watched.get(module) ?? []), name]);
  }
  const pass = (by: readonly string[], value: Tensor): Tensor => {
    const kept = by.reduce((y, name) => edited(name, y, edit[name]), value);
    for (const name of by) found[name] = kept;
    return kept;
  };
  const restore = [...watched].map(([module, by]) => {
    const inputs = by.filter((name) => name.endsWith(":input"));
    const outputs = by.filter((name) => !name.endsWith(":input"));
    return intercept(module, (y, run) => pass(outputs, run(pass(inputs, y))));
  });
  try {
    const output = unfolded(() => model.forward(x));
    const silent = names.filter((name) => !found[name]);
    if (silent.length > 0) {
      throw new ShapeError(
        `features: ${silent.join(", ")} did not run by its forward; name a module that does`,
      );
    }
    const kept = Object.fromEntries(names.map((name) => [name, found[name] as Tensor]));
    return { output, features: kept };
  } finally {
    for (const back of restore.reverse()) back();
  }
}

function edited(name: string, x: Tensor, change?: (x: Tensor) => Tensor): Tensor {
  const y = change ? change(x) : x;
  if (sameShape(x.shape, y.shape)) return y;
  throw new ShapeError(
    `features: the edit of ${name} gives ${formatShape(y.shape)} for ${formatShape(x.shape)}; ` +
      "keep the shape",
  );
}

type Around = (x: Tensor, run: (x: Tensor) => Tensor) => Tensor;

/** Puts `around` about what a module does; returns the way back. */
function intercept(module: Module, around: Around): () => boolean {
  const put = (name: string, value: unknown): void => {
    Object.defineProperty(module, name, { value, configurable: true });
  };
  if (module instanceof BatchNorm2d) {
    // forward calls apply, so both ways are seen.
    const run = module.apply;
    put("apply", (x: Tensor, fused: Parameters<BatchNorm2d["apply"]>[1]) =>
      around(x, (y) => run.call(module, y, fused)),
    );
    return () => Reflect.deleteProperty(module, "apply");
  }
  const run = module.forward;
  put("forward", (x: Tensor) => around(x, (y) => run.call(module, y)));
  return () => Reflect.deleteProperty(module, "forward");
}
