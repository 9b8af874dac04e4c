import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { type TransactionalProducerOptions, transactionalSettings } from "../../src/client/transactional-options.ts";

test("settings are the defaults, overridden by what is given", () => {
  const { session, producer } = transactionalSettings({ transactionalId: "tx", linger: 5 });
  assert.deepEqual(session, { transactionalId: "tx", transactionTimeout: 60_000, coordinatorTimeout: 60_000 });
  assert.equal(producer.linger, 5);
});

test("no record is waited for longer than its transaction may be open", () => {
  const deliveryTimeout = (options: Partial<TransactionalProducerOptions>): number | undefined =>
    transactionalSettings({ transactionalId: "tx", ...options }).producer.deliveryTimeout;
  assert.equal(deliveryTimeout({}), 60_000);
  assert.equal(deliveryTimeout({ transactionTimeout: 10_000 }), 10_000);
  assert.equal(deliveryTimeout({ deliveryTimeout: 3_000 }), 3_000);
});

test("a wrong option is refused by its name", () => {
  const refuse = (options: object, text: RegExp): void =>
    assert.throws(
      () => transactionalSettings({ transactionalId: "tx", ...options }),
      (error) => error instanceof InvalidArgumentError && text.test(error.message),
    );
  refuse({ transactionalId: "" }, /transactionalId/);
  refuse({ acks: "leader" }, /acks "leader".*"all"/);
  refuse({ transactionTimeout: 0 }, /transactionTimeout is 0/);
  refuse({ transactionTimeout: 2 ** 31 }, /transactionTimeout is 2147483648/);
  refuse({ coordinatorTimeout: Number.NaN }, /coordinatorTimeout is NaN/);
  refuse({ lingr: 1 }, /unknown producer option lingr/);
  refuse({ linger: -1 }, /linger is -1/);
});
