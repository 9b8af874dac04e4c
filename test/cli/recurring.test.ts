import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../../src/broker/mod.ts";
import { run } from "../../src/cli/mod.ts";
import { fakeIo } from "./fake-io.ts";
import { runCli, spawnCli } from "./spawn-cli.ts";

test("S7.6 ottla recurring lists an app's recurring jobs, pauses and resumes them, and runs them now", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const at = ["--brokers", broker.address];
  const recurring = (...args: string[]) => runCli(t, "recurring", ...args, ...at);
  const unseen = await recurring("list", "times.ts");
  assert.match(
    unseen.out,
    /^NAME +CRON +TIME ZONE +JOB +QUEUE +DONE UP TO +NEXT +IN\nnew-year +0 0 1 1 \* +Europe\/Berlin /,
  );
  assert.match(unseen.out, / send-mail +mails +2\d{3}-12-31T23:00:00\.000Z +\S/);
  assert.equal(unseen.err, "1 recurring job\n");
  const early = await recurring("pause", "times.ts", "new-year");
  assert.equal(early.code, 2);
  assert.match(early.err, /recurring "new-year": no worker has seen it yet/);

  const worker = spawnCli(t, ["worker", "times.ts", ...at]);
  await worker.printed(/assigned .*mails\/0/);
  assert.match(worker.out(), /\nRECURRING +CRON +TIME ZONE +JOB\nnew-year +0 0 1 1 \* +Europe\/Berlin +send-mail\n/);
  const trigger = await recurring("trigger", "times.ts", "new-year");
  assert.match(trigger.out, /^enqueued new-year [\da-f-]{36}: queue mails, partition 0, offset \d+\n$/, trigger.err);
  await worker.printed(/mail to everybody/);

  const states = async (): Promise<{ isPaused: boolean; next: string | null; last: string | null }> =>
    JSON.parse((await recurring("list", "times.ts", "--json")).out)[0];
  const until = async (isPaused: boolean): Promise<void> => {
    while ((await states()).isPaused !== isPaused);
  };
  const pause = await recurring("pause", "times.ts", "new-year");
  assert.deepEqual([pause.code, pause.out], [0, "pausing new-year: a worker does it\n"], pause.err);
  await until(true);
  const { next, last } = await states();
  assert.deepEqual([next, typeof last], [null, "string"]);
  assert.match((await recurring("list", "times.ts")).out, /Z +paused$/m);
  const resume = await recurring("resume", "times.ts", "new-year", "--json");
  assert.deepEqual(JSON.parse(resume.out), { resume: [{ name: "new-year" }] });
  await until(false);
  const triggered = JSON.parse((await recurring("trigger", "times.ts", "new-year", "--json")).out).trigger;
  assert.deepEqual([triggered.length, triggered[0].name, triggered[0].state], [1, "new-year", "enqueued"]);
});

test("ottla recurring refuses what makes no sense, and does nothing of it", async (t) => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /list, pause, resume or trigger is expected/],
    [["stop", "times.ts", "new-year"], /list, pause, resume or trigger is expected, and "stop" is given/],
    [["list", "times.ts", "new-year"], /list takes no NAME: it shows all/],
    [["pause", "times.ts"], /pause takes the NAMEs of recurring jobs/],
    [["trigger", "new-year"], /no MODULE is named/],
  ];
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  for (const [args, message] of cases) {
    const io = fakeIo();
    assert.equal(await run(["recurring", ...args, "--brokers", broker.address], io), 2, `${args}`);
    assert.match(io.err(), message);
  }
  const unknown = await runCli(
    t,
    "recurring",
    "trigger",
    "times.ts",
    "new-year",
    "old-year",
    "--brokers",
    broker.address,
  );
  assert.equal(unknown.code, 2, unknown.err);
  assert.match(unknown.err, /none is named "old-year" \(new-year\)/);
  assert.deepEqual(broker.topics(), []);
});
