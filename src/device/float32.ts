const word = new DataView(new ArrayBuffer(4));

/** The bits of a float32, to pass a float among a command's 32-bit words. */
export function float32Bits(value: number): number {
  word.setFloat32(0, value);
  return word.getUint32(0);
}
