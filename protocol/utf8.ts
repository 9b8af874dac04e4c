const encoder = new TextEncoder();
// Kafka strings may begin with U+FEFF: a decoder that strips it would not give back what was written.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to here, a loop over ASCII beats the runtime's encoder: by far where that makes a buffer, just where it has a part of one. */
const SHORT_TEXT = 40;

/** Text as UTF-8 bytes. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > SHORT_TEXT) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  return writeAscii(bytes, 0, text) ? bytes : encoder.encode(text);
}

/**
 * Writes text at `at`, where as many bytes are free as it has UTF-16 units: no buffer is made for it. False: it is not
 * ASCII, and needs more; what lies there then is undefined.
 */
export function writeAscii(target: Uint8Array, at: number, text: string): boolean {
  const { length } = text;
  if (length > SHORT_TEXT) {
    const { read, written } = encoder.encodeInto(text, target.subarray(at, at + length));
    return read === length && written === length;
  }
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    target[at + i] = unit;
  }
  return true;
}

/** Up to here, a loop over ASCII beats the runtime's decoder; beyond, it makes more garbage than a view of the bytes. */
const SHORT_BYTES = 10;

/** Bytes as text. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT_BYTES) {
    let text = "";
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decoder.decode(bytes.subarray(start, end));
}
