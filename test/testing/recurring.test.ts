import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "ottla";
import { testApp } from "ottla/testing";

test("S7.6 recurring jobs tick in the test's time, and drain waits for none of them", async () => {
  const app = createApp({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
  const ticks: (string | undefined)[] = [];
  const report = app.job<string>({
    name: "report",
    queue: "reports",
    partitioner: ({ payload }) => payload,
    perform: (_, job) => void ticks.push(job.tick?.toISOString()),
  });
  const hourly = app.recurring({ name: "hourly", cron: "0 * * * *", job: report.of("k") });
  const t = await testApp(app, { start: Date.UTC(2027, 0, 1, 0, 30) });
  await t.drain();
  assert.deepEqual(ticks, []);
  await t.advance("3h");
  assert.deepEqual(ticks, ["2027-01-01T01:00:00.000Z", "2027-01-01T02:00:00.000Z", "2027-01-01T03:00:00.000Z"]);
  t.assertPerformed(report, "k");
  t.assertPerformedInOrder(report, (job) => job.payload);
  await hourly.trigger();
  await t.drain();
  assert.equal(ticks.at(-1), undefined);
  await t.rebalance("join");
  t.crash();
  await t.advance("2h");
  assert.deepEqual(ticks.slice(4), ["2027-01-01T04:00:00.000Z", "2027-01-01T05:00:00.000Z"]);
  await t.close();
});
