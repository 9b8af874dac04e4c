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

test("topics may be patterns, and membership may be told how", () => {
  const membership = { groupProtocol: "classic", groupInstanceId: "pod-1.a", assignors: ["range"] } as const;
  const settings = consumerSettings({ groupId: "g", topics: ["t", /^tenant-/], metadataMaxAge: 10, ...membership });
  assert.deepEqual(settings.topics, ["t", /^tenant-/]);
  assert.deepEqual(
    [settings.groupProtocol, settings.groupInstanceId, settings.assignors, settings.metadataMaxAge],
    ["classic", "pod-1.a", ["range"], 10],
  );
});

test("a wrong option is refused by its name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ topics: ["t"] }, /needs a groupId/],
    [{ ...given, groupId: "" }, /groupId is "": a name is wanted/],
    [{ ...given, assignment: [{ topic: "t", partition: 0 }] }, /not both/],
    [{ assignment: [] }, /assignment is empty/],
    [{ assignment: [{ topic: "t", partition: -1 }] }, /assignment of t\/-1/],
    [
      {
        assignment: [
          { topic: "t", partition: 0 },
          { topic: "t", partition: 0 },
        ],
      },
      /assignment of t\/0.*each once/,
    ],
    [{ assignment: [{ topic: "t", partition: 0, offset: -1 }] }, /offset -1 of t\/0/],
    [{ assignment: [{ topic: "t", partition: 0, offset: "first" }] }, /assignment of t\/0: offset "first"/],
    [{ ...given, offsetReset: { time: "yesterday" } }, /offsetReset \{"time":"yesterday"\}/],
    [{ ...given, offsetReset: { time: -5 } }, /offsetReset/],
    [{ ...given, maxBufferedBytes: 0 }, /maxBufferedBytes is 0/],
    [{ ...given, rackId: 5 }, /rackId is 5: a string/],
    [{ groupId: "g" }, /needs topics/],
    [{ ...given, topics: [] }, /needs topics/],
    [{ ...given, topics: "t" }, /needs topics/],
    [{ ...given, topics: ["t", ""] }, /a name or a RegExp is wanted/],
    [{ ...given, topics: [/t/, 3] }, /topic 3: a name or a RegExp is wanted/],
    [{ ...given, metadataMaxAge: 0 }, /metadataMaxAge is 0/],
    [{ ...given, groupProtocol: "share" }, /groupProtocol is "share".*"classic"/],
    [{ ...given, groupInstanceId: "" }, /groupInstanceId is "".*letters/],
    [{ ...given, groupInstanceId: "a/b" }, /groupInstanceId is "a\/b"/],
    [{ ...given, assignors: [] }, /assignors is \[\]/],
    [{ ...given, assignors: ["sticky"] }, /assignors is \["sticky"\].*"cooperative-sticky"/],
    [{ ...given, serverAssignor: "sticky" }, /serverAssignor is "sticky".*"uniform"/],
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
