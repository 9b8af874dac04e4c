import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConsumerOptions, consumerSettings } from "../../src/client/consumer-options.ts";
import { InvalidArgumentError } from "../../src/client/errors.ts";

const given = { groupId: "g", topics: ["t"] };

test("settings are the defaults, overridden by what is given; undefined is not given", () => {
  const settings = consumerSettings({ ...given, maxWait: 5, isolation: undefined });
  const { offsetReset, isolation, maxWait, sessionTimeout, signal } = settings;
  assert.deepEqual(
    [offsetReset, isolation, maxWait, sessionTimeout, signal],
    ["earliest", "readCommitted", 5, 45_000, undefined],
  );
});

test("a wrong option is refused by its name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ topics: ["t"] }, /needs a groupId/],
    [{ ...given, groupId: "" }, /needs a groupId/],
    [{ groupId: "g" }, /needs topics/],
    [{ ...given, topics: [] }, /needs topics/],
    [{ ...given, topics: "t" }, /needs topics/],
    [{ ...given, topics: ["t", ""] }, /a name is wanted/],
    [{ ...given, offsetReset: "none" }, /offsetReset "none"/],
    [{ ...given, isolation: "serializable" }, /isolation "serializable"/],
    [{ ...given, maxWait: 0 }, /maxWait is 0/],
    [{ ...given, sessionTimeout: "10s" }, /sessionTimeout is 10s/],
    [{ ...given, group: "g" }, /unknown consumer option group/],
  ];
  for (const [options, pattern] of wrong) {
    assert.throws(
      () => consumerSettings(options as ConsumerOptions),
      (error: unknown) => error instanceof InvalidArgumentError && pattern.test(error.message),
    );
  }
});
