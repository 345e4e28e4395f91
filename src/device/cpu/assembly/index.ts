// Every kernel is an export with the signature (thread: i32, threads: i32, p: usize): void, where p
// is the address of the command's 32-bit words. The elementwise kernels are generated beside these.
export { heapBase, once, work } from "./runtime";
