import { crc32c } from "../../protocol/crc32c.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import { decodeJournalValue, encodeJournalValue, type JournalValue } from "./journal-value.ts";
import type { EpochStart } from "./leader-epochs.ts";
import type { ChunkIndex } from "./log-chunk.ts";

/** What is kept beside a full chunk, so that a start need not read it. */
export interface ChunkIndexFile {
  readonly index: ChunkIndex;
  /** Of the chunk, in bytes: another size is not the file that was indexed. */
  readonly size: number;
  readonly endOffset: number;
  readonly segmentBase: number;
  /** Whether the next chunk begins a segment. */
  readonly endsSegment: boolean;
  /** Those of the log up to the end of the chunk. */
  readonly epochs: readonly EpochStart[];
  readonly state: JournalValue;
}

/** CRC-32C of the rest, and the length of the JSON. */
const HEADER = 8;
const NUMBERS = ["offsets", "ends", "positions", "timestamps"] as const;

export function encodeChunkIndex({ index, ...rest }: ChunkIndexFile): Uint8Array {
  const count = index.offsets.length;
  const json = encodeUtf8(encodeJournalValue({ ...rest, count } as unknown as JournalValue));
  const bytes = new Uint8Array(HEADER + json.length + count * NUMBERS.length * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, json.length);
  bytes.set(json, HEADER);
  let at = HEADER + json.length;
  for (const name of NUMBERS) {
    for (const number of index[name]) {
      view.setFloat64(at, number);
      at += 8;
    }
  }
  view.setUint32(0, crc32c(bytes, 4, bytes.length));
  return bytes;
}

/** Undefined where the bytes are not those that were written. */
export function decodeChunkIndex(bytes: Uint8Array): ChunkIndexFile | undefined {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== crc32c(bytes, 4, bytes.length)) return undefined;
  let at = HEADER + view.getUint32(4);
  const json = readJson(bytes.subarray(HEADER, at));
  if (json === undefined || bytes.length !== at + json.count * NUMBERS.length * 8) return undefined;
  const { count, ...rest } = json;
  const lists = NUMBERS.map(() =>
    Array.from({ length: count }, () => {
      const number = view.getFloat64(at);
      at += 8;
      return number;
    }),
  );
  return { ...rest, index: { offsets: lists[0]!, ends: lists[1]!, positions: lists[2]!, timestamps: lists[3]! } };
}

type Json = Omit<ChunkIndexFile, "index"> & { readonly count: number };

/** Undefined: it is nothing that was written here. Its count may be anything. */
function readJson(bytes: Uint8Array): Json | undefined {
  try {
    return (decodeJournalValue(new TextDecoder().decode(bytes)) ?? undefined) as Json | undefined;
  } catch {
    return undefined;
  }
}
