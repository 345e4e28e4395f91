declare module "*.wgsl" {
  const text: string;
  export default text;
}
declare module "*.wasm" {
  const bytes: () => Promise<Uint8Array<ArrayBuffer>>;
  export default bytes;
}
