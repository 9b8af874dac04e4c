import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError, OverlappingPatternsError } from "../../src/jobs/errors.ts";
import { queueSettings, resolveAppOptions } from "../../src/jobs/options.ts";
import { resolveQueuePatterns, settingsByPattern } from "../../src/jobs/queue-patterns.ts";

const settingsOf = (queuePatterns: unknown, name: string, rest: object = {}): ReturnType<typeof queueSettings> =>
  queueSettings(resolveAppOptions({ queuePatterns, ...rest }), name);

test("S6.5 a pattern's settings are those of each queue that it matches, and of no other", () => {
  const patterns = [{ match: /^tenant-.+-jobs$/, partitions: 7, backoff: { initial: "5s" } }];
  const settings = settingsOf(patterns, "tenant-7-jobs");
  assert.deepEqual(
    [settings.name, settings.partitions, settings.backoff.initial, settings.pattern],
    ["tenant-7-jobs", 7, 5_000, "/^tenant-.+-jobs$/"],
  );
  assert.equal(settingsOf(patterns, "tenant--jobs").partitions, undefined);
  assert.equal(settingsOf(patterns, "tenant-7-jobs-old").partitions, undefined);
});

test("S6.5 a pattern is JavaScript's: looked for anywhere, with its flags and what only JavaScript has", () => {
  assert.equal(settingsOf([{ match: /tenant/, partitions: 7 }], "my-tenant-jobs").partitions, 7);
  assert.equal(settingsOf([{ match: /TENANT/i, partitions: 7 }], "tenant-jobs").partitions, 7);
  const named = [{ match: /^(?<who>\w+)-(?!test)\k<who>$/, partitions: 7 }];
  assert.equal(settingsOf(named, "a-a").partitions, 7);
  assert.equal(settingsOf(named, "a-b").partitions, undefined);
});

test("S6.5 flags that make a RegExp remember where it was do not matter, nor who else uses it", () => {
  for (const flags of ["g", "y", "gy"]) {
    const match = new RegExp("tenant-", flags);
    const app = resolveAppOptions({ queuePatterns: [{ match, partitions: 7 }] });
    match.lastIndex = 5;
    for (let i = 0; i < 3; i++) assert.equal(queueSettings(app, "tenant-1").partitions, 7, `${flags}, time ${i}`);
    assert.equal(match.lastIndex, 5, "the user's own is left alone");
    const isSticky = flags.includes("y");
    assert.equal(queueSettings(app, "my-tenant-1").partitions, isSticky ? undefined : 7, "y holds it to the beginning");
  }
});

test("S6.5 a queue that the options name has its settings from there", () => {
  const queues = { "tenant-1-jobs": { partitions: 3 } };
  const patterns = [{ match: /^tenant-/, partitions: 7 }, { match: /-jobs$/ }];
  assert.deepEqual([settingsOf(patterns, "tenant-1-jobs", { queues }).partitions], [3]);
  assert.equal(settingsOf(patterns, "tenant-2", { queues }).partitions, 7);
});

test("S6.5 a queue that two patterns match is refused by its name and both patterns", () => {
  assert.throws(
    () => settingsOf([{ match: /^tenant-/ }, { match: /-jobs$/ }], "tenant-2-jobs"),
    (error: Error) => {
      assert.ok(error instanceof OverlappingPatternsError);
      assert.deepEqual([error.code, error.topic], ["OVERLAPPING_PATTERNS", "tenant-2-jobs"]);
      assert.deepEqual(error.patterns, ["/^tenant-/", "/-jobs$/"]);
      assert.match(error.message, /tenant-2-jobs.*\/\^tenant-\/ and \/-jobs\$\//);
      return true;
    },
  );
});

test("S6.5 internal, schedule, state and dead letter topics never match", () => {
  const [all] = resolveQueuePatterns([{ match: /./, partitions: 7 }]) as [
    ReturnType<typeof resolveQueuePatterns>[number],
  ];
  const dead = { ...all, settings: { ...all.settings, deadLetterTopic: "pattern-dead" } };
  const app = {
    group: "workers",
    queues: new Map([["q", { name: "q", deadLetterTopic: "q-dead" }]]),
    queuePatterns: [dead],
    scheduledMessagesTopics: new Map([["later", {}]]),
  };
  const reserved = ["__consumer_offsets", "__mine", "workers-state", "later", "later-dead", "q-dead", "pattern-dead"];
  for (const topic of reserved) assert.equal(settingsByPattern(app, topic), undefined, topic);
  for (const topic of ["_mine", "others-state", "dead"])
    assert.equal(settingsByPattern(app, topic)?.partitions, 7, topic);
});

const REFUSED: readonly (readonly [patterns: unknown, option: string, problem: RegExp])[] = [
  [{ match: /a/ }, "queuePatterns", /an object given, a list/],
  [[{}], "queuePatterns[0].match", /undefined given, a RegExp/],
  [[{ match: /a/ }, { match: "^tenant-" }], "queuePatterns[1].match", /"\^tenant-" given/],
  [[{ match: /a/, partitions: 0 }], "queuePatterns[0].partitions", /0 given/],
  [[{ match: /a/, partition: 1 }], "queuePatterns[0].partition", /partitions/],
  [[7], "queuePatterns[0]", /7 given, an object/],
];

for (const [patterns, option, problem] of REFUSED) {
  test(`S9 the queue patterns ${JSON.stringify(patterns)} are refused as ${option}`, () => {
    assert.throws(
      () => resolveAppOptions({ queuePatterns: patterns }),
      (error: Error) => error instanceof InvalidOptionError && error.option === option && problem.test(error.message),
    );
  });
}
