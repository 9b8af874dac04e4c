import type { ProducerId } from "./producer-id.ts";
import type { ByteSource } from "./writer.ts";

/** What a value looks like on the wire, before any version is chosen. */
export type Kind =
  | { readonly kind: Primitive }
  | { readonly kind: "array"; readonly element: Kind }
  | { readonly kind: "struct"; readonly fields: readonly (readonly [name: string, field: Field<never>])[] };

export type Primitive =
  | "boolean"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "producerId"
  | "float64"
  | "uuid"
  | "string"
  | "bytes"
  | "records";

/**
 * A message as its writer gives it: every field may be left out and then has its default, as in Apache Kafka's own
 * message classes; bytes may be a source that writes itself.
 */
export type Draft<T> = T extends Uint8Array
  ? Uint8Array | ByteSource
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Draft<T[K]> | undefined }
      : T;

interface Rules {
  /** First and last version that have the field. */
  readonly since: number;
  readonly until: number;
  /** First version in which it may be null; Infinity: never. */
  readonly nullableSince: number;
  /** Its number among the tagged fields (KIP-482), from the version `taggedSince` on. */
  readonly tag: number;
  readonly taggedSince: number;
  /** Whether a version that lacks the field drops a value given for it, where another field would be refused. */
  readonly isIgnorable: boolean;
  readonly defaultValue: unknown;
}

const RULES: Rules = {
  since: 0,
  until: Number.POSITIVE_INFINITY,
  nullableSince: Number.POSITIVE_INFINITY,
  tag: -1,
  taggedSince: Number.POSITIVE_INFINITY,
  isIgnorable: false,
  defaultValue: undefined,
};

/** A field of a message: its type, and the rules by which versions have it. Immutable: each method gives a new field. */
export class Field<T> {
  readonly type: Kind;
  readonly rules: Rules;
  /** Only for the compiler: what a decoded value is. */
  declare readonly value: T;

  constructor(type: Kind, rules: Rules = RULES) {
    this.type = type;
    this.rules = rules;
  }

  #with(rules: Partial<Rules>): Field<T> {
    return new Field<T>(this.type, { ...this.rules, ...rules });
  }
  /** Versions `version` and later have it. */
  since(version: number): Field<T> {
    return this.#with({ since: version });
  }
  /** Versions after `version` do not have it. */
  until(version: number): Field<T> {
    return this.#with({ until: version });
  }
  /** It may be null in version `since` and later. */
  nullable(since = 0): Field<T | null> {
    return this.#with({ nullableSince: since }) as Field<T | null>;
  }
  /** It is a tagged field from version `since` on, and then sent only where it is not the default. */
  tagged(tag: number, since: number): Field<T> {
    return this.#with({ tag, taggedSince: since, since: Math.max(this.rules.since, since) });
  }
  ignorable(): Field<T> {
    return this.#with({ isIgnorable: true });
  }
  /** What it is where a version lacks it. Without this: 0, "", false, no elements, the zero UUID, a struct of defaults. */
  default(value: T): Field<T> {
    return this.#with({ defaultValue: value });
  }
}

const primitive = <T>(kind: Primitive): Field<T> => new Field<T>({ kind });

export const boolean: Field<boolean> = primitive("boolean");
export const int8: Field<number> = primitive("int8");
export const int16: Field<number> = primitive("int16");
export const uint16: Field<number> = primitive("uint16");
export const int32: Field<number> = primitive("int32");
export const uint32: Field<number> = primitive("uint32");
export const int64: Field<number> = primitive("int64");
/** An int64 on the wire. */
export const producerId: Field<ProducerId> = primitive("producerId");
export const float64: Field<number> = primitive("float64");
export const uuid: Field<string> = primitive("uuid");
export const string: Field<string> = primitive("string");
export const bytes: Field<Uint8Array> = primitive("bytes");
/** Record batches: to the schema, opaque bytes. See records.ts. */
export const records: Field<Uint8Array> = primitive("records");

export function array<T>(element: Field<T>): Field<readonly T[]> {
  return new Field({ kind: "array", element: element.type });
}

/** Fields in wire order. The mapped type makes the interface and the schema agree, or the compiler refuses. */
export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Field<T[K]> }): Field<T> {
  return new Field({ kind: "struct", fields: Object.entries(fields) as [string, Field<never>][] });
}

export const ZERO_UUID = "00000000-0000-0000-0000-000000000000";
const NO_ELEMENTS: readonly never[] = Object.freeze([]);
const NO_BYTES = new Uint8Array(0);

/** What a field is where it was not given or its version lacks it. */
export function defaultOf(field: Field<never>): unknown {
  if (field.rules.defaultValue !== undefined) return field.rules.defaultValue;
  const type = field.type;
  switch (type.kind) {
    case "boolean":
      return false;
    case "uuid":
      return ZERO_UUID;
    case "string":
      return "";
    case "bytes":
    case "records":
      return NO_BYTES;
    case "array":
      return NO_ELEMENTS;
    case "struct":
      return Object.fromEntries(type.fields.map(([name, inner]) => [name, defaultOf(inner)]));
    default:
      return 0;
  }
}

/** Whether leaving `value` out would say the same. */
export function isDefault(field: Field<never>, value: unknown): boolean {
  if (value === undefined) return true;
  const standard = defaultOf(field);
  if (value === null || standard === null) return value === standard;
  const type = field.type;
  if (type.kind === "array") return (value as readonly unknown[]).length === 0;
  if (type.kind === "bytes" || type.kind === "records") return (value as Uint8Array).byteLength === 0;
  if (type.kind !== "struct") return value === standard;
  return type.fields.every(([name, inner]) => isDefault(inner, (value as Record<string, unknown>)[name]));
}
