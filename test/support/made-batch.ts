import { type CompressionType, codecIds, compress } from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";

/** A record in a batch that is made by hand. */
export interface MadeRecord {
  /** Offset within the batch; default: its place. */
  readonly delta?: number;
  /** Milliseconds after the batch's base timestamp. */
  readonly time?: number;
  readonly key?: string | Uint8Array;
  readonly value?: string;
}

/** A batch as no builder of ours makes it: markers, gaps, no records at all. */
export interface MadeBatch {
  readonly baseOffset: number;
  readonly records?: readonly MadeRecord[];
  readonly lastOffsetDelta?: number;
  readonly producerId?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly logAppendTime?: boolean;
  readonly baseTimestamp?: number;
  readonly maxTimestamp?: number;
  readonly leaderEpoch?: number;
  readonly compression?: CompressionType;
  /** Overrides the codec that the attributes name. */
  readonly codecId?: number;
}

const HEADER_BYTES = 61;

export function madeBatch(batch: MadeBatch): Uint8Array<ArrayBuffer> {
  const { records = [], compression = "none" } = batch;
  const plain = new Uint8Array(records.flatMap((record, i) => encode(record, i)));
  const body = records.length === 0 ? plain : compress(compression, plain);
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  bytes.set(body, HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(batch.baseOffset));
  view.setInt32(8, bytes.length - 12);
  view.setInt32(12, batch.leaderEpoch ?? 0);
  view.setInt8(16, 2);
  view.setInt16(21, attributes(batch));
  view.setInt32(23, batch.lastOffsetDelta ?? Math.max(0, records.length - 1));
  view.setBigInt64(27, BigInt(batch.baseTimestamp ?? 0));
  view.setBigInt64(35, BigInt(batch.maxTimestamp ?? 0));
  view.setBigInt64(43, BigInt(batch.producerId ?? -1));
  view.setInt16(51, batch.producerId === undefined ? -1 : 0);
  view.setInt32(53, -1);
  view.setInt32(57, records.length);
  view.setUint32(17, crc32c(bytes, 21, bytes.length));
  return bytes;
}

/** The marker that ends a transaction. */
export function marker(baseOffset: number, producerId: number, type: "abort" | "commit"): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array([0, 0, 0, type === "abort" ? 0 : 1]);
  return madeBatch({
    baseOffset,
    producerId,
    transactional: true,
    control: true,
    records: [{ key, value: "\0\0\0\0\0\0" }],
  });
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function attributes({ compression = "none", codecId, logAppendTime, transactional, control }: MadeBatch): number {
  const flags = (logAppendTime ? 8 : 0) | (transactional ? 16 : 0) | (control ? 32 : 0);
  return (codecId ?? codecIds[compression]) | flags;
}

function encode({ delta, time = 0, key, value }: MadeRecord, index: number): number[] {
  const body = [0, ...varint(time), ...varint(delta ?? index), ...field(key), ...field(value), ...varint(0)];
  return [...varint(body.length), ...body];
}

function field(value: string | Uint8Array | undefined): number[] {
  if (value === undefined) return varint(-1);
  const bytes = typeof value === "string" ? encodeUtf8(value) : value;
  return [...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (let rest = value >= 0 ? value * 2 : -value * 2 - 1; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...out, rest];
    out.push((rest % 128) | 128);
  }
}
