import type { Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";

/** Sets which parameters are trainable; returns the way back. */
export function trainOnly(model: Module, chosen: (p: Parameter) => boolean): () => void {
  const before = model.parameters().map(([, p]) => [p, p.trainable] as const);
  for (const [p] of before) p.trainable = chosen(p);
  return () => {
    for (const [p, trainable] of before) p.trainable = trainable;
  };
}
