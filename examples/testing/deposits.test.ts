import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type TestApp, testApp } from "ottla/testing";
import { accounts, mail } from "./accounts.ts";
import { app } from "./app.ts";
import { deposit, sendReceipt } from "./jobs/deposits.ts";

let t: TestApp;
beforeEach(async () => {
  accounts.clear();
  t = await testApp(app, { seed: 42 });
});
afterEach(() => t.close());

test("a deposit is enqueued, and nothing runs yet", async () => {
  await deposit.performLater({ account: "ada", amount: 5 });
  t.assertEnqueued(deposit, { account: "ada" });
  t.assertNotEnqueued(sendReceipt);
  assert.equal(accounts.size, 0);
});

test("a deposit changes the balance and sends a receipt", async () => {
  await deposit.performLater({ account: "ada", amount: 5 });
  await t.drain();
  assert.equal(accounts.get("ada")?.balance, 5);
  t.assertPerformed(sendReceipt, { account: "ada" });
});

test("deposits of one account are made in their order", async () => {
  await app.performAllLater([1, 2, 3, 4].map((n) => deposit.of({ account: n % 2 ? "ada" : "grace", amount: n })));
  await t.drain();
  t.assertPerformedInOrder(deposit, (job) => job.payload.account);
});

test("a receipt is tried again while the mail server is away", async () => {
  const { send } = mail;
  mail.send = () => Promise.reject(new Error("the mail server is away"));
  await sendReceipt.performLater({ account: "ada" });
  await t.drain();
  t.assertNotPerformed(sendReceipt);
  mail.send = send;
  await t.advance("2s");
  t.assertPerformed(sendReceipt, { account: "ada" });
});

test("money is paid in once though its worker dies before that is committed", async () => {
  const crash = t.crashAt("before-commit", deposit);
  await deposit.performLater({ account: "ada", amount: 5 });
  await t.drain();
  assert.ok(crash.happened);
  assert.equal(t.performed(deposit).length, 2);
  assert.equal(accounts.get("ada")?.balance, 5);
});

test("money is paid in once though the worker's partitions move", async () => {
  for (let i = 0; i < 10; i++) await deposit.performLater({ account: `a${i}`, amount: 5 });
  await t.rebalance();
  await deposit.performLater({ account: "a0", amount: 5 });
  await t.drain();
  assert.equal(accounts.get("a0")?.balance, 10);
});
