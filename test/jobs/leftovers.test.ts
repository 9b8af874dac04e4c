import assert from "node:assert/strict";
import { test } from "node:test";
import { Attempt } from "../../src/jobs/attempt.ts";
import { Leftovers } from "../../src/jobs/leftovers.ts";
import { nextTurn } from "../../src/net/clock.ts";

test("S3.6 leftovers are waited for one by one, and each partition for its own", async () => {
  const leftovers = new Leftovers();
  const [first, second, other] = [new Attempt(3, 0), new Attempt(4, 0), new Attempt(9, 0)];
  await leftovers.none("q", 0);
  await leftovers.all();
  leftovers.add("q", 0, first);
  leftovers.add("q", 0, second);
  leftovers.add("q", 1, other);
  assert.deepEqual(leftovers.partitions, ["q/0", "q/1"]);
  assert.deepEqual(leftovers.running, ["q/0/3", "q/0/4", "q/1/9"]);
  const done: string[] = [];
  void leftovers.none("q", 0).then(() => done.push("q/0"));
  void leftovers.none("q", 1).then(() => done.push("q/1"));
  void leftovers.all().then(() => done.push("all"));
  leftovers.settled("q", 0, second);
  leftovers.settled("q", 1, new Attempt(9, 0));
  await nextTurn();
  assert.deepEqual(done, []);
  leftovers.settled("q", 0, first);
  await nextTurn();
  assert.deepEqual(done, ["q/0"]);
  leftovers.settled("q", 1, other);
  await nextTurn();
  assert.deepEqual(done, ["q/0", "q/1", "all"]);
  assert.deepEqual(leftovers.partitions, []);
});

test("an attempt's signal tells of an abort that came before it was asked for", () => {
  const attempt = new Attempt(0, 0);
  const reason = new Error("gone");
  attempt.abort(reason);
  attempt.abort(new Error("later"));
  assert.equal(attempt.signal.aborted, true);
  assert.equal(attempt.signal.reason, reason);
  const asked = new Attempt(0, 0);
  const { signal } = asked;
  asked.abort(reason);
  assert.equal(signal.reason, reason);
  assert.equal(asked.signal, signal);
});
