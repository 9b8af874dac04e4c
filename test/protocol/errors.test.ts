import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { ErrorCode, errorByCode } from "../../protocol/errors.ts";

/** Codes of Apache Kafka 4.3, with what its client library makes of them. */
const known: readonly [code: number, name: string, retriable: boolean, refreshMetadata: boolean][] = JSON.parse(
  readFileSync(new URL("../fixtures/error-codes.json", import.meta.url), "utf8"),
);

describe("error codes", () => {
  test("the table has Apache Kafka's names, and its remedies", () => {
    for (const [code, name, retriable, refreshMetadata] of known) {
      const { text, ...entry } = errorByCode(code);
      assert.deepEqual(entry, { code, name, retriable, refreshMetadata });
      assert.match(text, /^[A-Z].*\.$/);
    }
    assert.equal(new Set(known.map(([code]) => errorByCode(code).text)).size, known.length);
  });

  test("ErrorCode has all codes by name, and no other", () => {
    assert.deepEqual({ ...ErrorCode }, Object.fromEntries(known.map(([code, name]) => [name, code])));
  });

  test("an unknown code keeps its number and is not retriable", () => {
    for (const code of [-2, 134, 32767]) {
      const { text, ...entry } = errorByCode(code);
      assert.deepEqual(entry, { code, name: `UNKNOWN_${code}`, retriable: false, refreshMetadata: false });
      assert.match(text, new RegExp(`code ${code},`));
    }
  });
});
