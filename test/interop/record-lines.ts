import type { KafkaRecord } from "../../src/client/mod.ts";

/** A record as programs hand it to each other here. */
export interface PlainRecord {
  readonly partition?: number | undefined;
  readonly timestamp?: number | undefined;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [key: string, value: Uint8Array | null])[];
}

const encoder = new TextEncoder();

function hex(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One record a line, as java/Interop.java reads and writes them: bytes in hexadecimal. */
export function toLine({ partition, timestamp, key, value, headers }: PlainRecord): string {
  const pairs = headers.map(([name, content]) => `${hex(encoder.encode(name))}:${hex(content)}`);
  return [partition ?? "", timestamp ?? "", hex(key), hex(value), pairs.join(",")].join("\t");
}

/** What our consumer read, in the same form. */
export function lineOf(partition: number, { timestamp, key, value, headers }: KafkaRecord): string {
  return toLine({ partition, timestamp, key, value, headers });
}
