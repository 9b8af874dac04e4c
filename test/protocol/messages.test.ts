import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { message as declare, decodeBody, encodeBody } from "../../protocol/api.ts";
import { Field, type Kind, string } from "../../protocol/field.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { arbitraryMessage } from "../support/arbitrary.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";
import { type AnyMessage, type MessageEntry, messages } from "../support/messages.ts";

const versionsOf = (entry: MessageEntry): number[] =>
  Array.from({ length: entry.maxVersion - entry.minVersion + 1 }, (_, i) => entry.minVersion + i);

/** A value or a DecodeError; any other error is a bug. */
function decodeOrRefuse(message: AnyMessage, version: number, bytes: Uint8Array): void {
  try {
    decodeBody(message, version, bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

/** Runs `check` on values of every version and on their bytes. */
function forEveryVersion(
  entry: MessageEntry,
  numRuns: number,
  check: (version: number, value: unknown, bytes: Uint8Array<ArrayBuffer>) => void,
): void {
  for (const version of versionsOf(entry)) {
    const property = fc.property(arbitraryMessage(entry.message.field, version), (value) =>
      check(version, value, encodeBody(entry.message, version, value)),
    );
    fc.assert(property, { numRuns });
  }
}

describe("messages", () => {
  for (const entry of messages) {
    const { name, message } = entry;

    test(`${name} gives back in every version what was written, and the same bytes again`, () => {
      forEveryVersion(entry, 30, (version, value, bytes) => {
        const reader = new Reader(bytes);
        const decoded = message.decode(reader, version);
        assert.equal(reader.remaining, 0);
        assert.deepEqual(decoded, value);
        assert.deepEqual(encodeBody(message, version, decoded), bytes);
      });
    });

    test(`${name} refuses every cut`, () => {
      forEveryVersion(entry, 3, (version, _, bytes) => {
        for (let end = 0; end < bytes.length; end++) {
          assert.throws(() => decodeBody(message, version, bytes.slice(0, end)), DecodeError);
        }
      });
    });

    test(`${name} gives a value or a DecodeError for damaged bytes`, () => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
      for (const version of versionsOf(entry)) {
        const property = fc.property(arbitraryMessage(message.field, version), damage, (value, edits) => {
          const bytes = encodeBody(message, version, value);
          for (const [at, byte] of edits) if (bytes.length > 0) bytes[at % bytes.length] = byte;
          decodeOrRefuse(message, version, bytes);
        });
        fc.assert(property, { numRuns: fuzzRuns(30) });
      }
    });

    test(`${name} has no version outside of its range`, () => {
      for (const version of [entry.minVersion - 1, entry.maxVersion + 1]) {
        assert.throws(() => encodeBody(message, version, {}), { name: "EncodeError", message: /has no version/ });
        assert.throws(() => decodeBody(message, version, new Uint8Array(9)), { message: /has no version/ });
      }
    });
  }

  test("a message of defaults is what an empty draft gives", () => {
    for (const entry of messages) {
      for (const version of versionsOf(entry)) {
        const decoded = decodeBody(entry.message, version, encodeBody(entry.message, version, {}));
        assert.deepEqual(encodeBody(entry.message, version, decoded), encodeBody(entry.message, version, {}));
      }
    }
  });

  test("a flexible message skips tagged fields that it does not know, in every struct", () => {
    const flexible = messages.filter(({ maxVersion, flexibleSince }) => maxVersion >= flexibleSince);
    for (const { name, message, flexibleSince, maxVersion } of flexible) {
      const range = { versions: [flexibleSince, maxVersion], flexibleSince } as const;
      const later = declare(withUnknownTag(message.field, flexibleSince), `later ${name}`, range);
      const entry = { name, key: -1, minVersion: flexibleSince, maxVersion, flexibleSince, message: later };
      forEveryVersion(entry, 10, (version, value, bytes) => {
        const reader = new Reader(bytes);
        assert.deepEqual(message.decode(reader, version), withoutUnknownTag(value));
        assert.equal(reader.remaining, 0);
      });
    }
  });
});

/** The schema as a later Kafka might have it: one more tagged field in each struct. */
function withUnknownTag(field: Field<unknown>, since: number): Field<unknown> {
  const extend = (type: Kind): Kind => {
    if (type.kind === "array") return { kind: "array", element: extend(type.element) };
    if (type.kind !== "struct") return type;
    const known = type.fields.map(([name, inner]) => [name, withUnknownTag(inner, since) as Field<never>] as const);
    return { kind: "struct", fields: [...known, ["unknown", string.tagged(99, since) as Field<never>]] };
  };
  return new Field(extend(field.type), field.rules);
}

function withoutUnknownTag(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUnknownTag);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  const known = Object.entries(value).filter(([name]) => name !== "unknown");
  return Object.fromEntries(known.map(([name, inner]) => [name, withoutUnknownTag(inner)]));
}
