import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UsageError } from "../../src/cli/cli-error.ts";
import { parsePayload } from "../../src/cli/parse-payload.ts";

describe("a payload on the command line", () => {
  test("is any JSON", () => {
    for (const value of [null, true, -5, 1.5, 'a "quoted" \\ 12345678901234567890', [1, { a: [] }], { n: 1e21 }]) {
      assert.deepEqual(parsePayload(JSON.stringify(value)), value);
    }
  });

  test("that is no JSON is refused with the text and a hint", () => {
    assert.throws(
      () => parsePayload("{userId:7}"),
      (error: Error) => {
        assert.ok(error instanceof UsageError);
        return /is no JSON \(.*\): \{userId:7\}\nQuote it for the shell/s.test(error.message);
      },
    );
    assert.throws(() => parsePayload(""), UsageError);
    assert.throws(
      () => parsePayload(`[${"x".repeat(1_000)}`),
      (error: Error) => error.message.length < 300,
    );
  });

  test("whose numbers would be changed is refused", () => {
    assert.throws(
      () => parsePayload('{"id":12345678901234567890}'),
      /12345678901234567890 is more than a number can hold/,
    );
    assert.throws(() => parsePayload("[-9007199254740993]"), /-9007199254740993 is more/);
    assert.throws(() => parsePayload("1e999"), /1e999 is more/);
  });
});
