/** What a journal keeps: JSON, and bytes anywhere in it. */
export type JournalValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly JournalValue[]
  | { readonly [name: string]: JournalValue | undefined };

/** Bytes in JSON: an object of this one field, the bytes as base64. */
const BYTES = "$bytes";

export function encodeJournalValue(value: JournalValue): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    return part instanceof Uint8Array
      ? { [BYTES]: btoa(Array.from(part, (byte) => String.fromCharCode(byte)).join("")) }
      : part;
  });
}

export function decodeJournalValue(text: string): JournalValue {
  return JSON.parse(text, (_name, part: unknown) => {
    if (typeof part !== "object" || part === null) return part;
    const base64 = (part as { [BYTES]?: unknown })[BYTES];
    return typeof base64 === "string" ? Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) : part;
  }) as JournalValue;
}
