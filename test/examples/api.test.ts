import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "ottla/broker";
import { runExample } from "./example-process.ts";

test("the API's examples for jobs run as they are written", { timeout: 60_000 }, async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const { code, output, errors } = await runExample("api/anywhere.ts", { KAFKA_BROKERS: broker.address });
  assert.equal(code, 0, errors);
  const lines = output.trim().split("\n");
  assert.match(lines[0]!, /^[0-9a-f-]{36} is at users\/\d+\/0$/);
  assert.deepEqual(lines.slice(1, 6), [
    "scheduled_jobs true",
    "rescheduled",
    "2060-01-01T12:00:00.000Z",
    "cancelled",
    "tooLate",
  ]);
  assert.equal(lines[6], "true");
  assert.deepEqual(lines.slice(7, 9), ["enqueued,scheduled", "cancelled"]);
  assert.ok(lines.includes("nightly 0") && lines.includes("enqueued"), output);
  assert.equal(lines.at(-2), "7,acme");
  assert.match(errors, /made a report job=make-report/);
  assert.match(errors, /processed job=process-import .*row=2/);
  assert.match(errors, /imported job=process-import .*resumptions=0/);
  assert.match(errors, /update-user of user -1 is discarded: user is gone/);
  assert.match(lines.at(-3)!, /^\[ ?"?'?later'?"? ?\] \[\]$/);
  assert.match(lines.at(-1)!, /^12 \[ ?"?'?Ada.*Ada L\..*Ada Lovelace.*here and now/);
});

test("the API's examples for the client run as they are written", { timeout: 60_000 }, async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const { code, output, errors } = await runExample("api/kafka.ts", { KAFKA_BROKERS: broker.address });
  assert.equal(code, 0, errors);
  assert.match(output, /^t \d 0 true\nv,w\n$/);
});

test("the API's example for the broker runs as it is written", { timeout: 60_000 }, async () => {
  const { code, output, errors } = await runExample("api/broker.ts", {});
  assert.equal(code, 0, errors);
  assert.match(output, /^127\.0\.0\.1:\d+\n$/);
});

test("the API's example for tests runs as it is written", { timeout: 60_000 }, async () => {
  const { code, output, errors } = await runExample("api/testing.ts", { KAFKA_BROKERS: "nowhere.invalid:1" });
  assert.equal(code, 0, errors);
  assert.match(output, /^scheduled\n2 performed by 2027-01-15T08:05:01\.\d{3}Z\n$/);
});
