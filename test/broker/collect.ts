import type { ByteSource } from "../../protocol/writer.ts";

/** Bytes that may lie in several places, in one. */
export function collect(source: Uint8Array | ByteSource): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(source.byteLength);
  if (source instanceof Uint8Array) bytes.set(source);
  else source.writeTo(bytes, 0);
  return bytes;
}
