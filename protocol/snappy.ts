import { DecodeError } from "./reader.ts";
import { readSnappyBlock, snappyBlockLength } from "./snappy-decoder.ts";
import { snappyBlockBound, writeSnappyBlock } from "./snappy-encoder.ts";

/**
 * What Java's Snappy streams begin with ("xerial" framing): 0x82, "SNAPPY", 0, and two int32, a version and the lowest
 * version that can read it, both 1. Blocks follow, each behind its length as an int32.
 */
const MAGIC: readonly number[] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const HEADER: readonly number[] = [...MAGIC, 0, 0, 0, 1, 0, 0, 0, 1];

/** Snappy looks no further back than this anyway, and a reader needs no larger buffer. */
const BLOCK_SIZE = 0x10000;

/** Compresses to the framing that every Kafka client reads; Java's own reads no other. */
export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const wholeBlocks = Math.floor(bytes.length / BLOCK_SIZE);
  const blocksBound =
    wholeBlocks * (4 + snappyBlockBound(BLOCK_SIZE)) + 4 + snappyBlockBound(bytes.length % BLOCK_SIZE);
  const out = new Uint8Array(HEADER.length + blocksBound);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  out.set(HEADER);
  let to = HEADER.length;
  for (let from = 0; from < bytes.length; from += BLOCK_SIZE) {
    const blockAt = to + 4;
    const blockEnd = writeSnappyBlock(bytes, view, from, Math.min(bytes.length, from + BLOCK_SIZE), out, blockAt);
    writeInt32(out, to, blockEnd - blockAt);
    to = blockEnd;
  }
  return out.subarray(0, to);
}

/** Compresses to one raw block without framing, as some clients write it. */
export function snappyCompressRaw(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(snappyBlockBound(bytes.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return out.subarray(0, writeSnappyBlock(bytes, view, 0, bytes.length, out, 0));
}

/**
 * Decompresses a framed stream or one raw block, told apart by the magic: as a raw block it would begin with a copy
 * from before its beginning. Sizes are claimed in front, so too much is refused before it is allocated.
 */
export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const raw = !isHeader(bytes, 0);
  const length = raw ? snappyBlockLength(bytes, 0, bytes.length) : streamLength(bytes);
  if (length > maxBytes) {
    throw new DecodeError(`snappy data decompresses to ${length} bytes, ${maxBytes} are allowed`);
  }
  const out = new Uint8Array(length);
  let to = 0;
  if (raw) readSnappyBlock(bytes, 0, bytes.length, out, to);
  else for (const [start, end] of blocksOf(bytes)) to = readSnappyBlock(bytes, start, end, out, to);
  return out;
}

function streamLength(bytes: Uint8Array): number {
  let length = 0;
  for (const [start, end] of blocksOf(bytes)) length += snappyBlockLength(bytes, start, end);
  return length;
}

/** Where each block of a framed stream lies. Streams may follow each other: a header may stand between blocks. */
function* blocksOf(bytes: Uint8Array): Generator<readonly [start: number, end: number]> {
  let at = 0;
  while (at < bytes.length) {
    // The versions are not looked at: 1 is all that was ever written, and some clients wrote them little-endian.
    const start = at + (isHeader(bytes, at) ? HEADER.length : 4);
    if (start > bytes.length) throw new DecodeError(`snappy stream is cut short in the header at ${at}`);
    if (start === at + 4) {
      const length = readInt32(bytes, at);
      if (length < 0 || length > bytes.length - start) {
        throw new DecodeError(`snappy block of ${length} bytes at ${at}, ${bytes.length - start} left`);
      }
      yield [start, start + length];
      at = start + length;
    } else {
      at = start;
    }
  }
}

function isHeader(bytes: Uint8Array, at: number): boolean {
  return MAGIC.every((byte, i) => bytes[at + i] === byte);
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
