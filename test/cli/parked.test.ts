import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../../src/broker/mod.ts";
import { run } from "../../src/cli/mod.ts";
import { fakeIo } from "./fake-io.ts";
import { runCli, spawnCli } from "./spawn-cli.ts";

test("S4.6 ottla parked lists what is parked, and has it released by the worker", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const at = ["--brokers", broker.address];
  const parked = (...args: string[]) => runCli(t, "parked", ...args, ...at);
  assert.equal((await parked("list", "parked.ts")).err, "0 parked keys\n");
  const worker = spawnCli(t, ["worker", "parked.ts", ...at]);
  const enqueue = async (to: string, n: number): Promise<void> => {
    const { code, err } = await runCli(t, "enqueue", "parked.ts", "send-mail", JSON.stringify({ to, n }), ...at);
    assert.equal(code, 0, err);
  };
  await enqueue("ada", 1);
  await worker.printed(/a job is parked/);
  await enqueue("ada", 2);
  await enqueue("bob", 1);
  await worker.printed(/mail 1 to bob/);
  const list = await parked("list", "parked.ts");
  assert.match(
    list.out,
    /^FIRST JOB +KEY +JOBS +STATE +NAME +ERROR\nmails\/0\/0 +ada +2 +parked +send-mail +Error: no such host\n$/,
  );
  assert.equal(list.err, "1 parked key\n");
  const [asJson] = JSON.parse((await parked("list", "parked.ts", "--json")).out) as { key: string; jobs: number }[];
  assert.deepEqual([asJson!.key, asJson!.jobs], ["ada", 2]);
  const wrong = await parked("release", "parked.ts", "--queue", "mails", "--key", "eve");
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /not parked: key "eve" of queue mails/);
  const release = await parked("release", "parked.ts", "mails/0/0");
  assert.deepEqual([release.code, release.out], [0, "releasing 1 key: a worker does it\n"], release.err);
  await worker.printed(/mail 2 to ada/);
  assert.deepEqual(worker.out().match(/mail \d to ada/g), ["mail 1 to ada", "mail 2 to ada"]);
});

test("ottla parked refuses what makes no sense, and says what is meant", async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /list, release or discard is expected/],
    [["show", "x.ts"], /list, release or discard is expected, and "show" is given/],
    [["release", "x.ts"], /release takes a JOB, as TOPIC\/PARTITION\/OFFSET, or --queue/],
    [["release", "x.ts", "q/0/1", "--queue", "q"], /say it one way/],
    [["discard", "x.ts", "--key", "a", "q/0/1"], /--key needs --queue/],
    [["list", "x.ts", "q/0/1"], /list takes no JOB/],
    [["list", "x.ts", "--key", "a"], /knows no --key/],
    [["release", "x.ts", "--queue", "q", "--limit", "2"], /ottla parked release knows no --limit/],
  ];
  for (const [args, message] of cases) {
    const io = fakeIo();
    assert.equal(await run(["parked", ...args], io), 2, `${args}`);
    assert.match(io.err(), message);
  }
});
