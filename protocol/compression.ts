import * as nodeZlib from "node:zlib";
import { concatBytes } from "./byte-copy.ts";
import { CodecError } from "./codec-error.ts";
import { lz4Compress, lz4Decompress } from "./lz4.ts";
import { DecodeError } from "./reader.ts";
import { snappyCompress, snappyDecompress } from "./snappy.ts";
import { EncodeError } from "./writer.ts";
import { zstdFrames } from "./zstd-frames.ts";

/** How the records of a batch are compressed. */
export type CompressionType = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** The ids of the compression types in a batch's attributes. */
export const codecIds: Readonly<Record<CompressionType, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/** What is used of node:zlib. The zstd functions are not on every runtime. */
export interface Zlib {
  gzipSync(bytes: Uint8Array): Uint8Array;
  gunzipSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  zstdCompressSync?(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync?(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

/** A compression type that this runtime does not have. No retry helps: another runtime or another type does. */
export class CodecUnavailableError extends CodecError {
  override readonly name = "CodecUnavailableError";
  readonly code = "CODEC_UNAVAILABLE";
}

/** Each frame costs the runtime some 25 µs: a batch of nothing but empty ones would hold the thread for seconds. */
const MAX_ZSTD_FRAMES = 10_000;

/** The most that every runtime takes for `maxOutputLength`; the least is 1. */
const MAX_OUTPUT_LENGTH = 0xffff_ffff;

/**
 * Compresses the records of a batch. The result may be larger than `bytes`, and for "none" it is `bytes` itself.
 * Throws {@link CodecUnavailableError} where the runtime lacks zstd. `zlib` stands in for node:zlib.
 */
export function compress(type: CompressionType, bytes: Uint8Array, zlib: Zlib = nodeZlib): Uint8Array {
  switch (type) {
    case "none":
      return bytes;
    case "gzip":
      return plain(zlib.gzipSync(bytes));
    case "snappy":
      return snappyCompress(bytes);
    case "lz4":
      return lz4Compress(bytes);
    case "zstd":
      if (zlib.zstdCompressSync === undefined) throw zstdUnavailable("cannot be compressed");
      return plain(zlib.zstdCompressSync(bytes));
    default:
      throw new EncodeError(`compression ${JSON.stringify(type)} is unknown: use ${Object.keys(codecIds).join(", ")}`);
  }
}

/**
 * Decompresses the records of a batch whose attributes carry `codecId`. Whatever `bytes` hold, memory stays bounded by
 * `maxBytes`, the most bytes that may come out. Throws {@link DecodeError} for more than that, for bytes that are cut
 * short or corrupt, and for an unknown codec, and {@link CodecUnavailableError} where the runtime lacks zstd.
 */
export function decompress(codecId: number, bytes: Uint8Array, maxBytes: number, zlib: Zlib = nodeZlib): Uint8Array {
  switch (codecId) {
    case codecIds.none:
      if (bytes.length > maxBytes) throw new DecodeError(`records have ${bytes.length} bytes, ${maxBytes} are allowed`);
      return bytes;
    case codecIds.gzip:
      return inflate("gzip", zlib.gunzipSync, bytes, maxBytes);
    case codecIds.snappy:
      return snappyDecompress(bytes, maxBytes);
    case codecIds.lz4:
      return lz4Decompress(bytes, maxBytes);
    case codecIds.zstd:
      if (zlib.zstdDecompressSync === undefined) throw zstdUnavailable("cannot be read");
      return zstdDecompress(zlib.zstdDecompressSync, bytes, maxBytes);
    default:
      throw new DecodeError(`codec ${codecId} is unknown: 0 to 4 are none, gzip, snappy, lz4 and zstd`);
  }
}

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function inflate(codec: string, run: Inflate, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const maxOutputLength = Math.min(Math.max(maxBytes, 1), MAX_OUTPUT_LENGTH);
  let out: Uint8Array;
  try {
    out = run(bytes, { maxOutputLength });
  } catch (error) {
    throw inflateError(codec, error, maxBytes);
  }
  if (out.length > maxBytes) throw overCap(codec, maxBytes);
  return plain(out);
}

function zstdDecompress(run: Inflate, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const { start, end, contentSize } of zstdFrames(bytes)) {
    if (parts.length === MAX_ZSTD_FRAMES) throw new DecodeError(`zstd data has more than ${MAX_ZSTD_FRAMES} frames`);
    if (contentSize !== undefined && contentSize > maxBytes - total) throw overCap("zstd", maxBytes);
    const part = inflate("zstd", run, bytes.subarray(start, end), maxBytes - total);
    if (contentSize !== undefined && contentSize !== part.length) {
      throw new DecodeError(`zstd frame at ${start} holds ${part.length} bytes, its header says ${contentSize}`);
    }
    parts.push(part);
    total += part.length;
  }
  return parts.length === 1 ? parts[0]! : concatBytes(parts);
}

/** node:zlib gives Buffers, whose `slice` and equality are not those of the Uint8Array that callers are promised. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function inflateError(codec: string, error: unknown, maxBytes: number): DecodeError {
  const { code, message } = error as Error & { code?: string };
  const decodeError =
    code === "ERR_BUFFER_TOO_LARGE"
      ? overCap(codec, maxBytes)
      : new DecodeError(`${codec} data is corrupt: ${message}`);
  decodeError.cause = error;
  return decodeError;
}

function overCap(codec: string, maxBytes: number): DecodeError {
  return new DecodeError(`${codec} data decompresses to more than the ${maxBytes} bytes that are allowed`);
}

function zstdUnavailable(what: string): CodecUnavailableError {
  return new CodecUnavailableError(
    `zstd ${what}: this runtime's node:zlib lacks it. Run on Node 22.15+ or 23.8+, Deno 2.9+ or Bun 1.2.23+, ` +
      "or have producers compress with gzip, snappy or lz4",
  );
}
