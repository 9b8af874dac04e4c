import { CodecError } from "./codec-error.ts";
import { defaultOf, type Field, isDefault, type Kind, type Primitive } from "./field.ts";
import type { ProducerId } from "./producer-id.ts";
import { DecodeError, type Reader } from "./reader.ts";
import { encodeUtf8 } from "./utf8.ts";
import { type ByteSource, EncodeError, Writer } from "./writer.ts";

/** Reads and writes one version of a message. */
export interface Codec {
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

/** The plan of one version: every decision that depends on the version is made here, once. */
export function compile(type: Kind, version: number, flexible: boolean): Codec {
  switch (type.kind) {
    case "array":
      return compileArray(type.element, version, flexible, false);
    case "struct":
      return compileStruct(type.fields, version, flexible);
    case "string":
      return stringCodec(flexible, false);
    case "bytes":
    case "records":
      return bytesCodec(flexible, false);
    default:
      return scalars[type.kind];
  }
}

function compileNullable(type: Kind, version: number, flexible: boolean): Codec {
  switch (type.kind) {
    case "array":
      return compileArray(type.element, version, flexible, true);
    case "string":
      return stringCodec(flexible, true);
    case "bytes":
    case "records":
      return bytesCodec(flexible, true);
    case "struct":
      return nullableStruct(compile(type, version, flexible));
    default:
      throw new TypeError(`a ${type.kind} field cannot be null`);
  }
}

type Scalar = Exclude<Primitive, "string" | "bytes" | "records">;

function scalar<T>(read: (reader: Reader) => T, write: (writer: Writer, value: T) => void): Codec {
  return { read, write: write as Codec["write"] };
}

const scalars: Readonly<Record<Scalar, Codec>> = {
  boolean: scalar(
    (r) => r.boolean(),
    (w, v: boolean) => w.boolean(v),
  ),
  int8: scalar(
    (r) => r.int8(),
    (w, v: number) => w.int8(v),
  ),
  int16: scalar(
    (r) => r.int16(),
    (w, v: number) => w.int16(v),
  ),
  uint16: scalar(
    (r) => r.uint16(),
    (w, v: number) => w.uint16(v),
  ),
  int32: scalar(
    (r) => r.int32(),
    (w, v: number) => w.int32(v),
  ),
  uint32: scalar(
    (r) => r.uint32(),
    (w, v: number) => w.uint32(v),
  ),
  int64: scalar(
    (r) => r.int64(),
    (w, v: number) => w.int64(v),
  ),
  producerId: scalar(
    (r) => r.producerId(),
    (w, v: ProducerId) => w.producerId(v),
  ),
  float64: scalar(
    (r) => r.float64(),
    (w, v: number) => w.float64(v),
  ),
  uuid: scalar(
    (r) => r.uuid(),
    (w, v: string) => w.uuid(v),
  ),
};

/** Length prefixes: int16 or int32 before KIP-482, then unsigned varints of length + 1, with 0 for null. */
function readLength(reader: Reader, flexible: boolean, wide: boolean): number {
  if (flexible) return reader.uvarint() - 1;
  return wide ? reader.int32() : reader.int16();
}

function writeLength(writer: Writer, length: number, flexible: boolean, wide: boolean): void {
  if (flexible) writer.uvarint(length + 1);
  else if (wide) writer.int32(length);
  else writer.int16(length);
}

function present(length: number, nullable: boolean): boolean {
  if (length >= 0) return true;
  if (length < -1) throw new DecodeError(`length ${length}`);
  if (!nullable) throw new DecodeError("null where the version has none");
  return false;
}

function refuseNull(value: unknown, nullable: boolean): value is null {
  if (value !== null) return false;
  if (!nullable) throw new EncodeError("null is not possible in this version");
  return true;
}

function stringCodec(flexible: boolean, nullable: boolean): Codec {
  return {
    read(reader) {
      const length = readLength(reader, flexible, false);
      return present(length, nullable) ? reader.utf8(length) : null;
    },
    write(writer, value) {
      if (refuseNull(value, nullable)) return writeLength(writer, -1, flexible, false);
      if (typeof value !== "string") throw new EncodeError(`${typeof value} where a string belongs`);
      const text = encodeUtf8(value);
      if (text.length > 0x7fff) throw new EncodeError(`a string of ${text.length} bytes: the most is 32767`);
      writeLength(writer, text.length, flexible, false);
      writer.raw(text);
    },
  };
}

function bytesCodec(flexible: boolean, nullable: boolean): Codec {
  return {
    read(reader) {
      const length = readLength(reader, flexible, true);
      return present(length, nullable) ? reader.slice(length) : null;
    },
    write(writer, value) {
      if (refuseNull(value, nullable)) return writeLength(writer, -1, flexible, true);
      const body = value as Uint8Array | ByteSource;
      writeLength(writer, body.byteLength, flexible, true);
      if (body instanceof Uint8Array) writer.raw(body);
      else writer.source(body);
    },
  };
}

function compileArray(type: Kind, version: number, flexible: boolean, nullable: boolean): Codec {
  const element = compile(type, version, flexible);
  return {
    read(reader) {
      const length = readLength(reader, flexible, true);
      if (!present(length, nullable)) return null;
      // An element takes at least one byte, so a hostile count fails here and allocates nothing.
      if (length > reader.remaining) throw new DecodeError(`${length} elements in ${reader.remaining} bytes`);
      const values: unknown[] = [];
      for (let i = 0; i < length; i++) values.push(element.read(reader));
      return values;
    },
    write(writer, value) {
      if (refuseNull(value, nullable)) return writeLength(writer, -1, flexible, true);
      const values = value as readonly unknown[];
      writeLength(writer, values.length, flexible, true);
      for (let i = 0; i < values.length; i++) element.write(writer, values[i]);
    },
  };
}

/** A struct that may be null is led by a byte: 1 present, -1 null. */
function nullableStruct(inner: Codec): Codec {
  return {
    read(reader) {
      return reader.int8() < 0 ? null : inner.read(reader);
    },
    write(writer, value) {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) inner.write(writer, value);
    },
  };
}

interface PlannedField {
  readonly name: string;
  readonly field: Field<never>;
  /** What it is where the writer gave nothing, and where the version has no such field. */
  readonly absent: unknown;
  /** Its place: among the fields in order, among the tagged ones, or nowhere in this version. */
  readonly codec: Codec | undefined;
  readonly tag: number;
}

function plan(name: string, field: Field<never>, version: number, flexible: boolean): PlannedField {
  const rules = field.rules;
  const exists = version >= rules.since && version <= rules.until;
  const build = version >= rules.nullableSince ? compileNullable : compile;
  return {
    name,
    field,
    absent: defaultOf(field),
    codec: exists ? build(field.type, version, flexible) : undefined,
    tag: exists && version >= rules.taggedSince ? rules.tag : -1,
  };
}

type Values = Record<string, unknown>;

function compileStruct(
  entries: readonly (readonly [string, Field<never>])[],
  version: number,
  flexible: boolean,
): Codec {
  const all = entries.map(([name, field]) => plan(name, field, version, flexible));
  const missing = all.filter((f) => f.codec === undefined && !f.field.rules.isIgnorable);
  const tagged = all.filter((f) => f.tag >= 0).sort((a, b) => a.tag - b.tag);
  return {
    read(reader) {
      const values: Values = {};
      let i = 0;
      try {
        for (; i < all.length; i++) {
          const { name, codec, tag, absent } = all[i]!;
          values[name] = codec === undefined || tag >= 0 ? absent : codec.read(reader);
        }
      } catch (error) {
        throw within(error, all[i]!.name);
      }
      if (flexible) readTagged(reader, tagged, values);
      return values;
    },
    write(writer, value) {
      const values = value as Values;
      for (const { name, field } of missing) {
        if (!isDefault(field, values[name])) throw new EncodeError(`${name} does not exist in version ${version}`);
      }
      let i = 0;
      try {
        for (; i < all.length; i++) {
          const { name, codec, tag, absent } = all[i]!;
          if (codec !== undefined && tag < 0)
            codec.write(writer, values[name] ?? (values[name] === null ? null : absent));
        }
      } catch (error) {
        throw within(error, all[i]!.name);
      }
      if (flexible) writeTagged(writer, tagged, values);
    },
  };
}

function readTagged(reader: Reader, tagged: readonly PlannedField[], values: Values): void {
  const count = reader.uvarint();
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const end = reader.take(size) + size;
    const known = tagged.find((field) => field.tag === tag);
    if (known === undefined) continue;
    reader.position = end - size;
    try {
      values[known.name] = known.codec!.read(reader);
    } catch (error) {
      throw within(error, known.name);
    }
    if (reader.position !== end) throw new DecodeError(`tagged field ${known.name} is not the ${size} bytes it says`);
  }
}

function writeTagged(writer: Writer, tagged: readonly PlannedField[], values: Values): void {
  const given = tagged.filter((field) => !isDefault(field.field, values[field.name]));
  writer.uvarint(given.length);
  for (const { name, codec, tag } of given) {
    const inner = new Writer(64);
    try {
      codec!.write(inner, values[name]);
    } catch (error) {
      throw within(error, name);
    }
    writer.uvarint(tag);
    writer.uvarint(inner.position);
    writer.raw(inner.finish());
  }
}

function within(error: unknown, name: string): unknown {
  return error instanceof CodecError ? error.within(name) : error;
}
