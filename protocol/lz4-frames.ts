import { LZ4_MAGIC, type Lz4Header, readLz4Header } from "./lz4-header.ts";
import { DecodeError } from "./reader.ts";

/** The top bit of a block's size: its bytes are stored as they are. */
export const LZ4_STORED = 0x8000_0000;

const SKIPPABLE_MAGIC = 0x184d2a50;

export interface Lz4Visitor {
  /** A block's bytes lie in `[start, end)`; its checksum, if the header tells of one, at `end`. */
  block(start: number, end: number, stored: boolean, header: Lz4Header): void;
  /** All blocks of a frame have been seen; the content's checksum, if the header tells of one, lies at `at`. */
  frameEnd(at: number, header: Lz4Header): void;
}

/** Goes through the frames that fill `bytes`, without what is inside blocks. Only whole frames pass. */
export function walkLz4Frames(bytes: Uint8Array, view: DataView, visitor: Lz4Visitor): void {
  if (bytes.length === 0) throw new DecodeError("lz4 data is empty: not even a frame header");
  let at = 0;
  while (at < bytes.length) {
    const magic = uint32(view, at);
    if (magic === LZ4_MAGIC) {
      at = walkFrame(view, readLz4Header(bytes, view, at + 4), visitor);
    } else if ((magic & ~15) === SKIPPABLE_MAGIC) {
      at = past(view, at + 8, uint32(view, at + 4));
    } else {
      throw new DecodeError(`lz4 frame at ${at} begins with 0x${magic.toString(16)}, which no LZ4 frame does`);
    }
  }
}

function walkFrame(view: DataView, header: Lz4Header, visitor: Lz4Visitor): number {
  let at = header.end;
  for (let field = uint32(view, at); field !== 0; field = uint32(view, at)) {
    const start = at + 4;
    const size = field & 0x7fff_ffff;
    if (size > header.maxBlockSize) {
      throw new DecodeError(`lz4 block at ${at} has ${size} bytes, its frame allows ${header.maxBlockSize}`);
    }
    const end = past(view, start, size);
    at = header.blockChecksums ? past(view, end, 4) : end;
    visitor.block(start, end, field >= LZ4_STORED, header);
  }
  const checksumAt = at + 4;
  const end = header.contentChecksum ? past(view, checksumAt, 4) : checksumAt;
  visitor.frameEnd(checksumAt, header);
  return end;
}

function uint32(view: DataView, at: number): number {
  past(view, at, 4);
  return view.getUint32(at, true);
}

function past(view: DataView, at: number, length: number): number {
  if (length > view.byteLength - at) {
    throw new DecodeError(`lz4 frame is cut short: ${length} bytes wanted at ${at}, ${view.byteLength - at} left`);
  }
  return at + length;
}
