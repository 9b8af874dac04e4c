import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { defaultOf, type Field, type Kind, ZERO_UUID } from "../../protocol/field.ts";
import { messages } from "../support/messages.ts";

/** One field of one of Kafka's own message definitions, as they state it. */
interface KafkaField {
  readonly path: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string;
  readonly ignorable?: boolean;
}

interface KafkaMessage {
  readonly name: string;
  readonly direction: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly KafkaField[];
}

const shapes: readonly KafkaMessage[] = JSON.parse(
  readFileSync(new URL("../fixtures/message-shapes.json", import.meta.url), "utf8"),
);

/** "3", "3+", "3-7" or "none" as bounds. */
function bounds(text: string | undefined): readonly [number, number] {
  if (text === undefined || text === "none") return [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const [, from, rest] = /^(\d+)(\+|-\d+)?$/.exec(text) ?? assert.fail(`not a version range: ${text}`);
  if (rest === undefined) return [Number(from), Number(from)];
  return [Number(from), rest === "+" ? Number.POSITIVE_INFINITY : Number(rest.slice(1))];
}

function within(text: string | undefined, version: number): boolean {
  const [from, to] = bounds(text);
  return version >= from && version <= to;
}

/** Kafka gives `records` no default and so leaves them null; 2^63 - 1 has a stand-in that a number can hold. */
function expectedDefault(field: KafkaField): unknown {
  if (field.path.endsWith("]")) return field.default === "null" ? null : [];
  if (field.default === "null" || field.type === "records") return null;
  if (field.type === "string") return field.default ?? "";
  if (field.type === "bool") return field.default === "true";
  if (field.type === "uuid") return ZERO_UUID;
  if (field.type === "bytes") return new Uint8Array(0);
  if (field.type === "struct") return undefined;
  const value = Number(field.default ?? 0);
  return Number.isSafeInteger(value) ? value : Number.MAX_SAFE_INTEGER;
}

/** The fields that `version` has, one line each, in wire order. */
function kafkaLines(message: KafkaMessage, version: number): string[] {
  const lines: string[] = [];
  const absent = new Set<string>();
  for (const field of message.fields) {
    const parent = field.path.slice(0, Math.max(0, field.path.lastIndexOf(".")));
    const present = within(field.versions, version) && !absent.has(parent);
    if (!present) absent.add(field.path);
    if (absent.has(parent)) continue;
    const tag = within(field.taggedVersions, version) ? field.tag! : -1;
    const nullable = within(field.nullableVersions, version);
    lines.push(line(field.path, field.type, present, nullable, tag, field.ignorable ?? false, expectedDefault(field)));
  }
  return lines;
}

/** Kafka's words for our kinds, where they differ. */
const KAFKA_TYPES: Readonly<Record<string, string>> = { boolean: "bool", producerId: "int64" };

function ourLines(type: Kind, version: number, prefix = ""): string[] {
  assert.equal(type.kind, "struct");
  return (type.kind === "struct" ? type.fields : []).flatMap(([name, field]) => {
    const { rules } = field as Field<never>;
    const element = field.type.kind === "array" ? field.type.element : field.type;
    const path = `${prefix}${name}${field.type.kind === "array" ? "[]" : ""}`;
    const present = version >= rules.since && version <= rules.until;
    const tag = present && version >= rules.taggedSince ? rules.tag : -1;
    const kind = KAFKA_TYPES[element.kind] ?? element.kind;
    const standard = field.type.kind === "struct" && rules.defaultValue !== null ? undefined : defaultOf(field);
    const own = line(path, kind, present, version >= rules.nullableSince, tag, rules.isIgnorable, standard);
    return element.kind === "struct" && present ? [own, ...ourLines(element, version, `${path}.`)] : [own];
  });
}

function line(
  path: string,
  type: string,
  present: boolean,
  nullable: boolean,
  tag: number,
  ignorable: boolean,
  standard: unknown,
): string {
  const value = ` = ${JSON.stringify(standard)}`;
  if (!present) return `${path}: absent${ignorable ? " ignorable" : ""}${value}`;
  return `${path}: ${type}${nullable ? " nullable" : ""}${tag >= 0 ? ` tag ${tag}` : ""}${value}`;
}

describe("message schemas", () => {
  for (const shape of shapes) {
    const name = shape.direction === "data" ? shape.name : `${shape.name} ${shape.direction}`;
    test(`${name} has the fields, ranges, tags and defaults of Apache Kafka's definition`, () => {
      const ours = messages.find((entry) => entry.name === name) ?? assert.fail(`${name} is not declared`);
      assert.equal(ours.key, shape.apiKey ?? -1);
      const [min, max] = bounds(shape.validVersions);
      const stable = shape.latestVersionUnstable === true ? max - 1 : max;
      assert.deepEqual([ours.minVersion, ours.maxVersion], [min, stable]);
      assert.equal(ours.flexibleSince, bounds(shape.flexibleVersions)[0]);
      for (let version = min; version <= stable; version++) {
        // What only an unstable version has is not declared.
        const known = shape.fields.filter((field) => bounds(field.versions)[0] <= stable);
        assert.deepEqual(ourLines(ours.message.field.type, version), kafkaLines({ ...shape, fields: known }, version));
      }
    });
  }

  test("every declared message has a shape to be held against", () => {
    const known = shapes.map((shape) => (shape.direction === "data" ? shape.name : `${shape.name} ${shape.direction}`));
    assert.deepEqual(messages.map((entry) => entry.name).sort(), known.sort());
  });
});
