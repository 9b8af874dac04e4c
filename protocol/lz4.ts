import { lz4BlockLength, readLz4Block } from "./lz4-decoder.ts";
import { lz4BlockBound, writeLz4Block } from "./lz4-encoder.ts";
import { LZ4_STORED, walkLz4Frames } from "./lz4-frames.ts";
import { LZ4_HEADER_SIZE, LZ4_WRITTEN_BLOCK_SIZE, writeLz4Header } from "./lz4-header.ts";
import { DecodeError } from "./reader.ts";
import { xxhash32 } from "./xxhash32.ts";

/** Compresses to one LZ4 frame of independent blocks: Java's reader refuses dependent ones. */
export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const wholeBlocks = Math.floor(bytes.length / LZ4_WRITTEN_BLOCK_SIZE);
  const blocksBound =
    wholeBlocks * (4 + lz4BlockBound(LZ4_WRITTEN_BLOCK_SIZE)) +
    4 +
    lz4BlockBound(bytes.length % LZ4_WRITTEN_BLOCK_SIZE);
  const out = new Uint8Array(LZ4_HEADER_SIZE + blocksBound + 4);
  const outView = new DataView(out.buffer);
  const view = viewOf(bytes);
  writeLz4Header(out);
  let to = LZ4_HEADER_SIZE;
  for (let from = 0; from < bytes.length; from += LZ4_WRITTEN_BLOCK_SIZE) {
    const end = Math.min(bytes.length, from + LZ4_WRITTEN_BLOCK_SIZE);
    const blockAt = to + 4;
    let blockEnd = writeLz4Block(bytes, view, from, end, out, blockAt);
    let flag = 0;
    if (blockEnd - blockAt >= end - from) {
      out.set(bytes.subarray(from, end), blockAt);
      blockEnd = blockAt + end - from;
      flag = LZ4_STORED;
    }
    outView.setUint32(to, flag + blockEnd - blockAt, true);
    to = blockEnd;
  }
  // A size of zero ends the frame: the buffer may hold a block's abandoned attempt here.
  outView.setUint32(to, 0, true);
  return out.subarray(0, to + 4);
}

/**
 * Decompresses LZ4 frames that follow each other, skippable ones between them: whatever block size and block
 * dependence, every checksum that is there checked. More than `maxBytes` is refused before any of it is allocated.
 */
export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const view = viewOf(bytes);
  const out = new Uint8Array(decompressedLength(bytes, view, maxBytes));
  let to = 0;
  let frameStart = 0;
  walkLz4Frames(bytes, view, {
    block(start, end, stored, header) {
      if (header.blockChecksums) verify("block", bytes, start, end, view.getUint32(end, true));
      if (stored) {
        out.set(bytes.subarray(start, end), to);
        to += end - start;
      } else {
        to = readLz4Block(bytes, start, end, out, to, header.independent ? to : frameStart);
      }
    },
    frameEnd(at, header) {
      const size = to - frameStart;
      if (header.contentSize !== undefined && header.contentSize !== size) {
        throw new DecodeError(`lz4 frame holds ${size} bytes, its header says ${header.contentSize}`);
      }
      if (header.contentChecksum) verify("content", out, frameStart, to, view.getUint32(at, true));
      frameStart = to;
    },
  });
  return out;
}

function decompressedLength(bytes: Uint8Array, view: DataView, maxBytes: number): number {
  let total = 0;
  walkLz4Frames(bytes, view, {
    block(start, end, stored, { maxBlockSize }) {
      const length = stored ? end - start : lz4BlockLength(bytes, start, end);
      if (length > maxBlockSize) {
        throw new DecodeError(`lz4 block decompresses to ${length} bytes, its frame allows ${maxBlockSize}`);
      }
      total += length;
      if (total > maxBytes) {
        throw new DecodeError(`lz4 data decompresses to ${total} bytes or more, ${maxBytes} are allowed`);
      }
    },
    frameEnd() {},
  });
  return total;
}

function verify(what: string, bytes: Uint8Array, start: number, end: number, expected: number): void {
  if (xxhash32(bytes, start, end) !== expected) {
    throw new DecodeError(`lz4 ${what} does not match its checksum`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
