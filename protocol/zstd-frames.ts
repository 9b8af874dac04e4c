import { DecodeError } from "./reader.ts";

/** One frame, whole by its own structure; what its blocks hold is not looked at. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** The decompressed size, if the frame tells it. Streaming writers, Java's among them, do not. */
  readonly contentSize: number | undefined;
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * Cuts zstd data into its frames, leaving skippable ones out. The runtimes do not do it: given several frames, some
 * stop after the first, and some take data that was cut short for the end, both without an error.
 */
export function* zstdFrames(bytes: Uint8Array): Generator<ZstdFrame> {
  if (bytes.length === 0) throw new DecodeError("zstd data is empty: not even a frame header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    const magic = view.getUint32(within(view, at, 4), true);
    if (magic === MAGIC) {
      const frame = frameAt(view, at);
      yield frame;
      at = frame.end;
    } else if ((magic & ~15) === SKIPPABLE_MAGIC) {
      const length = view.getUint32(within(view, at + 4, 4), true);
      at = within(view, at + 8, length) + length;
    } else {
      throw new DecodeError(`zstd frame at ${at} begins with 0x${magic.toString(16)}, which no zstd frame does`);
    }
  }
}

function frameAt(view: DataView, start: number): ZstdFrame {
  const descriptor = view.getUint8(within(view, start + 4, 1));
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdWidth = [0, 1, 2, 4][descriptor & 3]!;
  const sizeCode = descriptor >> 6;
  const sizeWidth = sizeCode === 0 ? Number(singleSegment) : 2 ** sizeCode;
  const sizeAt = start + 5 + (singleSegment ? 0 : 1) + dictionaryIdWidth;
  const contentSize = readContentSize(view, within(view, sizeAt, sizeWidth), sizeWidth);
  const blocksEnd = endOfBlocks(view, sizeAt + sizeWidth);
  const checksumWidth = (descriptor & 0x04) !== 0 ? 4 : 0;
  return { start, end: within(view, blocksEnd, checksumWidth) + checksumWidth, contentSize };
}

function readContentSize(view: DataView, at: number, width: number): number | undefined {
  if (width === 1) return view.getUint8(at);
  // Sizes below 256 have a shorter form, so this one counts from there.
  if (width === 2) return view.getUint16(at, true) + 256;
  if (width === 4) return view.getUint32(at, true);
  return width === 8 ? view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true) : undefined;
}

function endOfBlocks(view: DataView, start: number): number {
  let at = start;
  for (;;) {
    within(view, at, 3);
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw new DecodeError(`zstd block at ${at} has the reserved type`);
    const size = type === RLE_BLOCK ? 1 : header >> 3;
    at = within(view, at + 3, size) + size;
    if ((header & 1) === 1) return at;
  }
}

function within(view: DataView, at: number, length: number): number {
  if (length > view.byteLength - at) {
    throw new DecodeError(`zstd frame is cut short: ${length} bytes wanted at ${at}, ${view.byteLength - at} left`);
  }
  return at;
}
