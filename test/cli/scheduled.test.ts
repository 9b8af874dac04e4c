import assert from "node:assert/strict";
import { test } from "node:test";
import { type Broker, startBroker } from "../../src/broker/mod.ts";
import { run } from "../../src/cli/mod.ts";
import { timeLeft } from "../../src/cli/time-left.ts";
import { createApp } from "../../src/jobs/app.ts";
import type { ScheduledMessage } from "../../src/jobs/schedule-message.ts";
import { fakeIo } from "./fake-io.ts";
import { runCli, spawnCli } from "./spawn-cli.ts";

interface Cleanup {
  after(fn: () => unknown): void;
}

const HOUR = 3_600_000;

async function openBroker(t: Cleanup): Promise<Broker> {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  return broker;
}

/** Schedules messages, in so many hours, as another process would. */
async function schedule(t: Cleanup, broker: Broker, hours: readonly number[]): Promise<ScheduledMessage[]> {
  const app = createApp({
    kafka: { brokers: [broker.address] },
    scheduledMessagesTopics: [{ topic: "later", partitions: 1 }],
  });
  t.after(() => app.close());
  await broker.createTopic("mails", { partitions: 1 });
  const messages: ScheduledMessage[] = [];
  for (const each of hours) {
    const message = { topic: "mails", key: `in ${each} h`, value: "x", at: Date.now() + each * HOUR };
    messages.push(await app.schedule(message));
  }
  return messages;
}

const textOf = ({ topic, partition, entry }: ScheduledMessage): string => `${topic}/${partition}/${entry}`;

test("S7.1 ottla scheduled lists what waits, the next one first, between the times that it is told", async (t) => {
  const broker = await openBroker(t);
  const scheduled = (...args: string[]) => runCli(t, "scheduled", ...args, "--brokers", broker.address);
  const none = await scheduled("list", "times.ts");
  assert.deepEqual([none.code, none.out, none.err], [0, "", "0 waiting\n"]);
  const [late, soon] = await schedule(t, broker, [30.5, 2.5]);
  const list = await scheduled("list", "times.ts");
  assert.match(list.out, /^DUE AT +IN +JOB +KEY +TARGET +ENTRY\n/);
  const rows = list.out.trimEnd().split("\n").slice(1);
  assert.match(rows[0]!, /^2\S+Z +2h \d+m +in 2\.5 h +mails\/0 +later\/0\/[\da-f-]{36}$/);
  assert.ok(rows[0]!.startsWith(soon!.dueAt.toISOString()) && rows[0]!.endsWith(textOf(soon!)), list.out);
  assert.match(rows[1]!, /Z +1d 6h +in 30\.5 h /);
  assert.equal(list.err, "2 waiting\n");

  const entriesOf = async (...args: string[]): Promise<string[]> => {
    const { out } = await scheduled("list", "times.ts", "--json", ...args);
    return (JSON.parse(out) as { entry: string }[]).map(({ entry }) => entry);
  };
  assert.deepEqual(await entriesOf("--to", "3h"), [soon!.entry]);
  assert.deepEqual(await entriesOf("--from", "3h", "--topic", "later"), [late!.entry]);
  assert.deepEqual(await entriesOf("--from", late!.dueAt.toISOString()), [late!.entry]);
  assert.deepEqual(await entriesOf("--to", late!.dueAt.toISOString().replace("Z", "")), [soon!.entry]);
  assert.deepEqual(await entriesOf("--limit", "1"), [soon!.entry]);
  const limited = await scheduled("list", "times.ts", "--limit", "1");
  assert.equal(limited.err, "the next 1 to be due: --limit shows more\n");
  const unknown = await scheduled("list", "times.ts", "--topic", "mails");
  assert.deepEqual([unknown.code, /"mails" is none of the app's scheduledMessagesTopics/.test(unknown.err)], [2, true]);
});

test("S7.5 ottla scheduled cancel says of each whether it was cancelled, or too late", async (t) => {
  const broker = await openBroker(t);
  const at = ["--brokers", broker.address];
  const entries = (await schedule(t, broker, [1, 2, 3])).map(textOf);
  const worker = spawnCli(t, ["worker", "times.ts", ...at]);
  await worker.printed(/dispatching what is due in later\/0: 3 waiting/);
  assert.match(worker.out(), /^and what is due in later$/m);
  const cancel = (...args: string[]) => runCli(t, "scheduled", "cancel", "times.ts", ...args, ...at);
  const both = await cancel(entries[0]!, entries[1]!);
  assert.deepEqual([both.code, both.err], [0, ""]);
  assert.deepEqual(
    both.out.trimEnd().split("\n").sort(),
    [`cancelled  ${entries[0]}`, `cancelled  ${entries[1]}`].sort(),
  );
  const again = await cancel(entries[1]!, entries[2]!, "--json");
  assert.equal(again.code, 5, again.err);
  assert.deepEqual(
    (JSON.parse(again.out) as { entry: string; outcome: string }[]).map(({ outcome }) => outcome),
    ["tooLate", "cancelled"],
  );
  const late = await cancel(entries[0]!);
  assert.deepEqual([late.code, late.out], [5, `too late   ${entries[0]}\n`]);
  assert.equal((await runCli(t, "scheduled", "list", "times.ts", ...at)).err, "0 waiting\n");
});

test("S7.5 ottla scheduled cancel without a worker says that nobody answered, and the request stays in force", async (t) => {
  const broker = await openBroker(t);
  const at = ["--brokers", broker.address];
  const [entry] = (await schedule(t, broker, [1])).map(textOf);
  const cancel = await runCli(t, "scheduled", "cancel", "times.ts", entry!, ...at);
  assert.deepEqual([cancel.code, cancel.out], [1, `no answer  ${entry}\n`]);
  assert.equal(cancel.err, "no worker has answered for 1 entry: the request stays in force\n");
  const worker = spawnCli(t, ["worker", "times.ts", ...at]);
  await worker.printed(/dispatching what is due in later\/0: 1 waiting/);
  const again = await runCli(t, "scheduled", "cancel", "times.ts", entry!, ...at);
  assert.deepEqual([again.code, again.out], [5, `too late   ${entry}\n`], "the first request was answered before it");
});

test("ottla scheduled refuses what makes no sense, before anything is written", async (t) => {
  const uuid = "019b2f6e-5c1d-7a53-8d43-0b9f2f1c6d11";
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /list or cancel is expected/],
    [["show", "times.ts"], /list or cancel is expected, and "show" is given/],
    [["list", "times.ts", `later/0/${uuid}`], /list takes no ENTRY: --topic, --from, --to choose/],
    [["list", "times.ts", "--from", "soon"], /--from is "soon": a time as 2027-01-31T12:00Z, or how long from now/],
    [["list", "times.ts", "--to", "2027-13-01"], /--to is "2027-13-01"/],
    [["list", "times.ts", "--to", "1700000000000"], /--to is "1700000000000"/],
    [["cancel", "times.ts"], /cancel takes the ENTRYs, as TOPIC\/PARTITION\/UUID/],
    [["cancel", "times.ts", `later/0/${uuid}`, "--limit", "2"], /ottla scheduled cancel knows no --limit/],
    [["cancel", "times.ts", `mails/0/${uuid}`], /mails is none of the app's scheduledMessagesTopics \(later\)/],
  ];
  const broker = await openBroker(t);
  for (const [args, message] of cases) {
    const io = fakeIo();
    assert.equal(await run(["scheduled", ...args, "--brokers", broker.address], io), 2, `${args}`);
    assert.match(io.err(), message);
  }
  assert.deepEqual(
    broker.topics().map(({ name }) => name),
    [],
  );
});

test("the time that is left is shown in its two largest units", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "now"],
    [999, "now"],
    [-999, "now"],
    [12_000, "12s"],
    [60_000, "1m"],
    [252_900, "4m 12s"],
    [HOUR, "1h"],
    [HOUR + 5_000, "1h"],
    [30 * HOUR, "1d 6h"],
    [800 * 24 * HOUR, "800d"],
    [-310_000, "overdue 5m 10s"],
  ];
  for (const [ms, text] of cases) assert.equal(timeLeft(ms), text);
});
