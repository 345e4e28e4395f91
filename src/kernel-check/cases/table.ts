import type { KernelName } from "../../device/kernels.js";
import type { Draw } from "../draw.js";
import type { HostCall } from "../host-call.js";

/** One call of a kernel, on the numbers that `draw` gives. */
export type CaseOf<K extends KernelName> = (draw: Draw) => HostCall<K>;

/** Cases of every kernel. */
export type AllCases = { readonly [K in KernelName]: readonly CaseOf<K>[] };

/** Cases of some kernels. */
export type CasesOf = Partial<AllCases>;
