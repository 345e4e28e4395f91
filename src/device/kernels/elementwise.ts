import * as cpu from "../cpu/lower-elementwise.js";
import { type Expr, elementwiseKernels as expressionsByName } from "../elementwise.js";
import * as webgpu from "../webgpu/elementwise.js";
import type { ElementwiseCalls } from "./elementwise-call.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

const expressions = expressionsByName();

export const elementwiseKernels: Kernels<ElementwiseCalls> = {
  elementwise: {
    writes: ["out"],
    cost({ kernel, inputs, out, shape }) {
      const expression = expressions.get(kernel);
      const flops = out.length * (expression ? operations(expression) : 0);
      const bytes = bytesOf(out, ...new Set(inputs.map(({ slice }) => slice)));
      return cost(`elementwise ${kernel}`, shape, flops, bytes);
    },
    webgpu: webgpu.lowerElementwise,
    cpu: cpu.lowerElementwise,
  },
  integer: {
    writes: ["out"],
    cost: ({ op, inputs, out, shape }) =>
      cost(`integer ${op}`, shape, 0, bytesOf(out, ...new Set(inputs.map(({ slice }) => slice)))),
    webgpu: webgpu.lowerInteger,
    cpu: cpu.lowerInteger,
  },
};

/** Operators of an expression: its floating-point operations for one element. */
function operations(e: Expr): number {
  switch (e.kind) {
    case "name":
    case "const":
      return 0;
    case "unary":
      return 1 + operations(e.x);
    case "binary":
      return 1 + operations(e.x) + operations(e.y);
    case "select":
      return 1 + [e.x, e.y, e.yes, e.no].reduce((sum, part) => sum + operations(part), 0);
  }
}
