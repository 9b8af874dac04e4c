import { readFileSync } from "node:fs";

/** Data that a codec which is not ours has packed. */
export interface ForeignCompression {
  readonly content: string;
  readonly writtenBy: string;
  readonly codecId: number;
  /** What was packed: this text so many times. */
  readonly unit: string;
  readonly times: number;
  readonly packed: Uint8Array;
}

type Fixture = Omit<ForeignCompression, "packed"> & { readonly data: string };
const fixtures: readonly Fixture[] = JSON.parse(
  readFileSync(new URL("../fixtures/compression.json", import.meta.url), "utf8"),
);

/** What Kafka's own Java classes and the reference command lines wrote. */
export const foreignCompression: readonly ForeignCompression[] = fixtures.map(({ data, ...rest }) => ({
  ...rest,
  packed: Uint8Array.from(Buffer.from(data, "base64")),
}));
