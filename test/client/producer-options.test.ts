import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { type ProducerOptions, producerSettings } from "../../src/client/producer-options.ts";

test("settings are the defaults, overridden by what is given; undefined is not given", () => {
  const base = producerSettings({ linger: 5, acks: undefined });
  assert.deepEqual([base.linger, base.acks, base.deliveryTimeout], [5, "all", 120_000]);
  const variant = producerSettings({ acks: "leader" }, base);
  assert.deepEqual([variant.linger, variant.acks], [5, "leader"]);
});

test("a wrong option is refused by its name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ ack: "all" }, /unknown producer option ack/],
    [{ toString: 5 }, /unknown producer option toString/],
    [{ acks: "some" }, /acks "some"/],
    [{ acks: -1 }, /acks -1/],
    [{ compression: "brotli" }, /compression "brotli": one of none, gzip/],
    [{ compression: "toString" }, /compression "toString"/],
    [{ linger: -1 }, /linger is -1/],
    [{ linger: Number.NaN }, /linger is NaN/],
    [{ deliveryTimeout: 0 }, /deliveryTimeout is 0/],
    [{ batchSize: "1" }, /batchSize is 1/],
    [{ maxRequestSize: 0 }, /maxRequestSize is 0/],
    [{ partitioner: "random" }, /partitioner is string: a function/],
    [{ maxBufferedBytes: Number.POSITIVE_INFINITY }, /maxBufferedBytes is Infinity/],
  ];
  for (const [options, pattern] of wrong) {
    assert.throws(
      () => producerSettings(options as ProducerOptions),
      (error: unknown) => error instanceof InvalidArgumentError && pattern.test(error.message),
    );
  }
});
