import fc from "fast-check";
import { defaultOf, type Field, type Kind } from "../../protocol/field.ts";
import { producerIdOf } from "../../protocol/producer-id.ts";

const int64 = fc.maxSafeInteger();
const producerId = fc.oneof(int64, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(producerIdOf));

/** Text with every kind of character, up to the planes that UTF-16 writes as pairs. */
const text = fc.string({ unit: "binary", maxLength: 30 });

/**
 * Values of a message in one version, as decoding gives them: all that the version can hold, and the defaults of the
 * fields that it lacks.
 */
export function arbitraryMessage<T>(field: Field<T>, version: number): fc.Arbitrary<T> {
  return arbitraryKind(field.type, version) as fc.Arbitrary<T>;
}

function arbitraryField(field: Field<never>, version: number): fc.Arbitrary<unknown> {
  const { since, until, nullableSince } = field.rules;
  const standard = fc.constant(defaultOf(field));
  if (version < since || version > until) return standard;
  const value = fc.oneof(
    { weight: 1, arbitrary: standard },
    { weight: 5, arbitrary: arbitraryKind(field.type, version) },
  );
  return version >= nullableSince ? fc.option(value, { freq: 4 }) : value.filter((one) => one !== null);
}

function arbitraryKind(type: Kind, version: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "boolean":
      return fc.boolean();
    case "int8":
      return fc.integer({ min: -0x80, max: 0x7f });
    case "int16":
      return fc.integer({ min: -0x8000, max: 0x7fff });
    case "uint16":
      return fc.integer({ min: 0, max: 0xffff });
    case "int32":
      return fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    case "uint32":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "int64":
      return int64;
    case "producerId":
      return producerId;
    case "float64":
      return fc.double();
    case "uuid":
      return fc.uuid();
    case "string":
      return text;
    case "bytes":
    case "records":
      return fc.uint8Array({ maxLength: 40 });
    case "array":
      return fc.array(arbitraryKind(type.element, version), { maxLength: 3 });
    case "struct":
      return fc.record(Object.fromEntries(type.fields.map(([name, field]) => [name, arbitraryField(field, version)])), {
        noNullPrototype: true,
      });
  }
}
