/** Element types of named tensors, by the names safetensors gives them. */
export type NamedDType = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "U8";

/** A tensor on the host, row-major. F16 and BF16 files are read as F32 values. */
export type NamedTensor =
  | { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "F64"; readonly shape: readonly number[]; readonly data: Float64Array }
  | { readonly dtype: "I64"; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: "I32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: "U8"; readonly shape: readonly number[]; readonly data: Uint8Array };

/** Named tensors in order, as in a PyTorch state_dict. */
export type StateDict = Map<string, NamedTensor>;
