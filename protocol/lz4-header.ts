import { DecodeError } from "./reader.ts";
import { xxhash32 } from "./xxhash32.ts";

/** What a frame's header says of the blocks behind it. */
export interface Lz4Header {
  /** Where the first block's size stands. */
  readonly end: number;
  readonly independent: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  /** The decompressed size of the frame, if it is told. */
  readonly contentSize: number | undefined;
  readonly maxBlockSize: number;
}

export const LZ4_MAGIC = 0x184d2204;

/** Version 1, independent blocks, no checksums: the broker checks a CRC over the whole batch. Blocks of 64 KB. */
const FLAGS = 0x60;
const BLOCK_64_KB = 0x40;
export const LZ4_HEADER_SIZE = 7;
export const LZ4_WRITTEN_BLOCK_SIZE = 0x10000;

/** Writes a header in front of `out`. */
export function writeLz4Header(out: Uint8Array): void {
  new DataView(out.buffer, out.byteOffset, out.byteLength).setUint32(0, LZ4_MAGIC, true);
  out[4] = FLAGS;
  out[5] = BLOCK_64_KB;
  out[6] = headerChecksum(out, 4, 6);
}

/** Reads the header whose magic ends at `at`. */
export function readLz4Header(bytes: Uint8Array, view: DataView, at: number): Lz4Header {
  if (bytes.length - at < 3) throw headerCutShort();
  const flags = bytes[at]!;
  const descriptor = bytes[at + 1]!;
  if (flags >> 6 !== 1) throw new DecodeError(`lz4 frame has version ${flags >> 6}, only 1 is known`);
  if ((flags & 0x02) !== 0 || (descriptor & 0x8f) !== 0) throw new DecodeError("lz4 frame has reserved bits set");
  if ((flags & 0x01) !== 0) throw new DecodeError("lz4 frame needs a dictionary, which Kafka has no way to send");
  const sizeCode = descriptor >> 4;
  if (sizeCode < 4) throw new DecodeError(`lz4 frame has the unknown block size ${sizeCode}`);
  const hasContentSize = (flags & 0x08) !== 0;
  const checksumAt = at + (hasContentSize ? 10 : 2);
  if (checksumAt >= bytes.length) throw headerCutShort();
  if (bytes[checksumAt] !== headerChecksum(bytes, at, checksumAt)) {
    throw new DecodeError("lz4 frame header does not match its checksum");
  }
  return {
    end: checksumAt + 1,
    independent: (flags & 0x20) !== 0,
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 0x04) !== 0,
    contentSize: hasContentSize ? view.getUint32(at + 6, true) * 2 ** 32 + view.getUint32(at + 2, true) : undefined,
    maxBlockSize: 2 ** (8 + 2 * sizeCode),
  };
}

function headerChecksum(bytes: Uint8Array, start: number, end: number): number {
  return (xxhash32(bytes, start, end) >>> 8) & 0xff;
}

function headerCutShort(): DecodeError {
  return new DecodeError("lz4 frame is cut short in its header");
}
