import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { defaultBrokers, queueSettings, resolveAppOptions } from "../../src/jobs/options.ts";
import { resolveProducerSettings } from "../../src/jobs/producer-settings.ts";

function refusal(options: unknown): InvalidOptionError {
  try {
    resolveAppOptions(options);
  } catch (error) {
    assert.ok(error instanceof InvalidOptionError, String(error));
    return error;
  }
  assert.fail(`${JSON.stringify(options)} was not refused`);
}

/** Of a queue whose jobs start whenever they can. */
const UNRULED = {
  ...{ throttle: undefined, delay: 0, expire: Number.POSITIVE_INFINITY },
  ...{ concurrency: Number.POSITIVE_INFINITY, weight: 1 },
};

test("S9 what no option says has its default", () => {
  const settings = resolveAppOptions(undefined);
  assert.equal(settings.group, undefined);
  assert.equal(settings.transactionTimeout, 10_000);
  assert.deepEqual(queueSettings(settings, "any"), {
    name: "any",
    partitions: undefined,
    replicationFactor: -1,
    config: { "retention.ms": "-1" },
    virtualPartitions: undefined,
    dedupeWindow: undefined,
    backoff: { initial: 1_000, max: 30_000, jitter: 0.2 },
    ...{ deadLetterTopic: undefined, whenExhausted: "block", maxRetries: Number.POSITIVE_INFINITY, onDataLoss: "stop" },
    allowPartitionMismatch: false,
    ...UNRULED,
  });
});

test("queue options replace the defaults", () => {
  const settings = resolveAppOptions({
    queues: {
      q: {
        partitions: 12,
        replicationFactor: 3,
        config: { "retention.ms": "1000", "cleanup.policy": "delete" },
        backoff: { initial: "2s", max: "1m", jitter: 0 },
        ...{
          deadLetterQueue: { topic: "q-dead" },
          maxRetries: 7,
          onDataLoss: "continue",
          allowPartitionMismatch: true,
        },
      },
      slow: { backoff: { initial: "1h" } },
    },
  });
  assert.deepEqual(queueSettings(settings, "q"), {
    name: "q",
    partitions: 12,
    replicationFactor: 3,
    config: { "retention.ms": "1000", "cleanup.policy": "delete" },
    virtualPartitions: undefined,
    dedupeWindow: undefined,
    backoff: { initial: 2_000, max: 60_000, jitter: 0 },
    ...{ deadLetterTopic: "q-dead", whenExhausted: "skip", maxRetries: 7, onDataLoss: "continue" },
    allowPartitionMismatch: true,
    ...UNRULED,
  });
  assert.deepEqual(queueSettings(settings, "slow").backoff, { initial: 3_600_000, max: 3_600_000, jitter: 0.2 });
});

test("S3.12 when a queue's jobs may start is given by name or by pattern", () => {
  const options = { throttle: { limit: 100, interval: "1s" }, delay: "5s", expire: "7d", concurrency: 4, weight: 0.5 };
  const settings = resolveAppOptions({ queues: { q: options }, queuePatterns: [{ match: /^tenant-/, ...options }] });
  for (const name of ["q", "tenant-7"]) {
    const { throttle, delay, expire, concurrency, weight } = queueSettings(settings, name);
    assert.deepEqual(
      { throttle, delay, expire, concurrency, weight },
      { throttle: { limit: 100, interval: 1_000 }, delay: 5_000, expire: 604_800_000, concurrency: 4, weight: 0.5 },
    );
  }
});

test("S4.4 what a queue does with a job that failed for good depends on its dead letter topic", () => {
  const of = (q: object): unknown[] => {
    const { deadLetterTopic, whenExhausted, maxRetries } = queueSettings(resolveAppOptions({ queues: { q } }), "q");
    return [deadLetterTopic, whenExhausted, maxRetries];
  };
  assert.deepEqual(of({}), [undefined, "block", Number.POSITIVE_INFINITY]);
  assert.deepEqual(of({ deadLetterQueue: { topic: "d" } }), ["d", "skip", 3]);
  assert.deepEqual(of({ deadLetterQueue: { topic: "d", maxRetries: 0 } }), ["d", "skip", 0]);
  assert.deepEqual(of({ deadLetterQueue: { topic: "d", maxRetries: 1 }, maxRetries: 2 }), ["d", "skip", 2]);
  const infinite = ["d", "block", Number.POSITIVE_INFINITY];
  assert.deepEqual(of({ deadLetterQueue: { topic: "d" }, whenExhausted: "block" }), infinite);
});

test("S2.9 S9 a queue compares ids where it says so, within 10 minutes unless it says how long", () => {
  const settings = resolveAppOptions({
    queues: { some: { dedupe: {} }, short: { dedupe: { window: "1m" } }, none: { dedupe: undefined } },
    queuePatterns: [{ match: /^tenant-/, dedupe: { window: "2h" } }],
  });
  const windows = ["some", "short", "none", "tenant-7", "other"].map((q) => queueSettings(settings, q).dedupeWindow);
  assert.deepEqual(windows, [600_000, 60_000, undefined, 7_200_000, undefined]);
});

test("an unknown option is refused with the name that was probably meant", () => {
  const cases: [unknown, string, RegExp][] = [
    [{ kafak: {} }, "kafak", /did you mean "kafka"\?/],
    [{ kafka: { broker: [] } }, "kafka.broker", /did you mean "brokers"\?/],
    [{ queues: { q: { partition: 3 } } }, "queues.q.partition", /did you mean "partitions"\?/],
    [{ queues: { q: { backoff: { intial: 3 } } } }, "queues.q.backoff.intial", /did you mean "initial"\?/],
    [{ producer: { ack: "all" } }, "producer.ack", /did you mean "acks"\?/],
    [{ somethingElse: 1 }, "somethingElse", /known: kafka, group/],
  ];
  for (const [options, path, hint] of cases) {
    const error = refusal(options);
    assert.equal(error.option, path);
    assert.match(error.message, hint);
  }
});

test("an option of the wrong kind is refused by its path", () => {
  const cases: [unknown, string][] = [
    [7, "options"],
    [{ kafka: { brokers: "localhost:9092" } }, "kafka.brokers"],
    [{ kafka: { brokers: [] } }, "kafka.brokers"],
    [{ kafka: { clientId: 7 } }, "kafka.clientId"],
    [{ kafka: { requestTimeout: "soon" } }, "kafka.requestTimeout"],
    [{ kafka: { transport: {} } }, "kafka.transport"],
    [{ group: "" }, "group"],
    [{ queues: [] }, "queues"],
    [{ queues: { "a b": {} } }, "queues.a b"],
    [{ queues: { "..": {} } }, "queues..."],
    [{ queues: { q: { deadLetterQueue: { topic: "q" } } } }, "queues.q.deadLetterQueue.topic"],
    [{ queues: { q: { deadLetterQueue: {} } } }, "queues.q.deadLetterQueue.topic"],
    [{ queues: { q: { whenExhausted: "skip" } } }, "queues.q.whenExhausted"],
    [{ queues: { q: { whenExhausted: "drop" } } }, "queues.q.whenExhausted"],
    [{ queues: { q: { maxRetries: 2 } } }, "queues.q.maxRetries"],
    [{ queues: { q: { deadLetterQueue: { topic: "d", maxRetries: -1 } } } }, "queues.q.deadLetterQueue.maxRetries"],
    [{ queues: { q: { onDataLoss: "ignore" } } }, "queues.q.onDataLoss"],
    [{ queues: { q: { partitions: 0 } } }, "queues.q.partitions"],
    [{ queues: { q: { dedupe: true } } }, "queues.q.dedupe"],
    [{ queues: { q: { dedupe: { windows: "1m" } } } }, "queues.q.dedupe.windows"],
    [{ queues: { q: { dedupe: { window: "soon" } } } }, "queues.q.dedupe.window"],
    [{ queues: { q: { dedupe: { window: 0 } } } }, "queues.q.dedupe.window"],
    [{ queuePatterns: [{ match: /^t-/, dedupe: { window: -1 } }] }, "queuePatterns[0].dedupe.window"],
    [{ queues: { q: { partitions: "3" } } }, "queues.q.partitions"],
    [{ queues: { q: { config: { "retention.ms": 5 } } } }, "queues.q.config.retention.ms"],
    [{ queues: { q: { backoff: { jitter: 2 } } } }, "queues.q.backoff.jitter"],
    [{ queues: { q: { backoff: { initial: "1m", max: "1s" } } } }, "queues.q.backoff.max"],
    [{ queues: { q: { allowPartitionMismatch: 1 } } }, "queues.q.allowPartitionMismatch"],
    [{ queues: { q: { throttle: 5 } } }, "queues.q.throttle"],
    [{ queues: { q: { throttle: { interval: "1s" } } } }, "queues.q.throttle.limit"],
    [{ queues: { q: { throttle: { limit: 0, interval: "1s" } } } }, "queues.q.throttle.limit"],
    [{ queues: { q: { throttle: { limit: 1 } } } }, "queues.q.throttle.interval"],
    [{ queues: { q: { throttle: { limit: 1, interval: "1w" } } } }, "queues.q.throttle.interval"],
    [{ queues: { q: { throttle: { limit: 1, interval: 0.5 } } } }, "queues.q.throttle.interval"],
    [{ queues: { q: { throttle: { limit: 1, interval: 1, per: "job" } } } }, "queues.q.throttle.per"],
    [{ queues: { q: { delay: "-1s" } } }, "queues.q.delay"],
    [{ queues: { q: { expire: 0 } } }, "queues.q.expire"],
    [{ queues: { q: { delay: "1h", expire: "60m" } } }, "queues.q.expire"],
    [{ queues: { q: { concurrency: 0 } } }, "queues.q.concurrency"],
    [{ queues: { q: { concurrency: "2" } } }, "queues.q.concurrency"],
    [{ queues: { q: { weight: 0 } } }, "queues.q.weight"],
    [{ queues: { q: { weight: 101 } } }, "queues.q.weight"],
    [{ queues: { q: { weight: Number.NaN } } }, "queues.q.weight"],
    [{ queuePatterns: [{ match: /^t/, weight: "heavy" }] }, "queuePatterns[0].weight"],
    [{ producer: { acks: "1" } }, "producer.acks"],
    [{ producer: { deliveryTimeout: 0 } }, "producer.deliveryTimeout"],
    [{ transactionTimeout: "soon" }, "transactionTimeout"],
    [{ transactionTimeout: "999ms" }, "transactionTimeout"],
    [{ transactionTimeout: "30d" }, "transactionTimeout"],
    [{ serializer: { encode: () => "" } }, "serializer"],
    [{ logger: console.log }, "logger"],
  ];
  for (const [options, path] of cases) assert.equal(refusal(options).option, path);
});

test("producer settings are given to the client in milliseconds, and only those that are set", () => {
  const settings = resolveProducerSettings(
    { acks: "leader", linger: "5ms", deliveryTimeout: "30s", compression: undefined },
    "p",
  );
  assert.deepEqual(settings, { acks: "leader", linger: 5, deliveryTimeout: 30_000 });
});

test("brokers come from KAFKA_BROKERS, else from localhost", (t) => {
  const before = process.env.KAFKA_BROKERS;
  t.after(() => {
    if (before === undefined) delete process.env.KAFKA_BROKERS;
    else process.env.KAFKA_BROKERS = before;
  });
  process.env.KAFKA_BROKERS = " a:9092, b:9093 ,";
  assert.deepEqual(defaultBrokers(), ["a:9092", "b:9093"]);
  delete process.env.KAFKA_BROKERS;
  assert.deepEqual(defaultBrokers(), ["localhost:9092"]);
});

test("a job's definition is checked", () => {
  const app = createApp();
  const perform = (): void => {};
  const cases: [unknown, string, RegExp][] = [
    [undefined, "job.name", /needs a name/],
    [{ queue: "q", perform }, "job.name", /needs a name/],
    [{ name: "a", perform }, 'job "a".queue', /no topic name/],
    [{ name: "a", queue: "q q", perform }, 'job "a".queue', /no topic name/],
    [{ name: "a", queue: "q" }, 'job "a".perform', /a function is expected/],
    [{ name: "a", queue: "q", perform, partitoner: perform }, 'job "a".partitoner', /did you mean "partitioner"\?/],
    [{ name: "a", queue: "q", perform, partitioner: "id" }, 'job "a".partitioner', /a function is expected/],
    [
      { name: "a", queue: "q", perform, partitionKeyType: "key" },
      'job "a".partitionKeyType',
      /there is no partitioner/,
    ],
    [{ name: "a", queue: "q", perform, dispatchMethod: "later" }, 'job "a".dispatchMethod', /"produceSync"/],
    [{ name: "a", queue: "q", perform, schema: {} }, 'job "a".schema', /Standard Schema/],
  ];
  for (const [options, path, problem] of cases) {
    assert.throws(
      () => app.job(options as never),
      (error: Error) => error instanceof InvalidOptionError && error.option === path && problem.test(error.message),
      path,
    );
  }
  app.job({ name: "a", queue: "q", perform });
  assert.throws(
    () => app.job({ name: "a", queue: "other", perform }),
    (error: Error & { code?: string }) =>
      error.name === "DuplicateJobError" && error.code === "DUPLICATE_JOB" && /"a"/.test(error.message),
  );
});
