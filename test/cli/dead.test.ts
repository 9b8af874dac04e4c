import assert from "node:assert/strict";
import { test } from "node:test";
import { type Broker, startBroker } from "../../src/broker/mod.ts";
import { run } from "../../src/cli/mod.ts";
import { Kafka } from "../../src/client/kafka.ts";
import { fakeIo } from "./fake-io.ts";
import { runCli, spawnCli } from "./spawn-cli.ts";

interface Cleanup {
  after(fn: () => unknown): void;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function openBroker(t: Cleanup): Promise<Broker> {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  for (const name of ["mails", "mails-dead", "stuck"]) await broker.createTopic(name, { partitions: 1 });
  return broker;
}

async function write(broker: Broker, letters: number, foreign: number): Promise<void> {
  const kafka = new Kafka({ brokers: [broker.address] });
  const origin = (i: number): Record<string, string> => ({
    ...{ "ottla-job": "send-mail", "ottla-id": `id-${i}`, "ottla-origin": `mails/0/${i}` },
    "ottla-error": "Error: no\nsuch host",
  });
  await kafka.producer().sendMany(
    range(letters + foreign).map((i) => {
      const headers = i < letters ? origin(i) : {};
      return { topic: "mails-dead", partition: 0, key: `k${i}`, value: JSON.stringify({ to: `u${i}` }), headers };
    }),
  );
  await kafka.close();
}

const logEnd = (broker: Broker, topic: string): number =>
  broker.topics().find(({ name }) => name === topic)!.partitions[0]!.logEndOffset;

test("S4.5 ottla dead lists, shows, redrives and discards letters", async (t) => {
  const broker = await openBroker(t);
  await write(broker, 3, 1);
  const dead = (...args: string[]) => runCli(t, "dead", ...args, "--brokers", broker.address);
  const list = await dead("list", "letters.ts");
  assert.equal(list.code, 0, list.err);
  assert.match(
    list.out,
    /^LETTER +JOB +KEY +DIED AT +REDRIVES +ERROR\nmails-dead\/0\/0 +send-mail +k0 +2\S+Z +0 +Error: no such host\n/,
  );
  assert.equal(list.err, "4 letters\n");
  const asJson = await dead("list", "letters.ts", "--limit", "2", "--json");
  assert.deepEqual(
    (JSON.parse(asJson.out) as { offset: number; job: string; origin: unknown }[]).map(({ offset, job, origin }) => {
      return { offset, job, origin };
    }),
    range(2).map((offset) => ({ offset, job: "send-mail", origin: { topic: "mails", partition: 0, offset } })),
  );
  assert.match(asJson.err, /the first 2 letters: --limit shows more/);

  const show = await dead("show", "letters.ts", "mails-dead/0/1");
  assert.match(show.out, /^came from +mails\/0\/1$/m);
  assert.match(show.out, /^payload +\{"to":"u1"\}$/m);
  const shown = JSON.parse((await dead("show", "letters.ts", "mails-dead/0/3", "--json")).out);
  assert.deepEqual([shown.isLeft, shown.job, shown.value], [true, null, '{"to":"u3"}']);

  const dry = await dead("redrive", "letters.ts", "--dry-run");
  assert.deepEqual([dry.code, dry.out], [5, "would redrive 3 letters: 3 into mails\n"]);
  assert.match(dry.err, /mails-dead\/0\/3 stays: .*ottla-origin/);
  assert.equal(logEnd(broker, "mails"), 0);

  const one = await dead("redrive", "letters.ts", "mails-dead/0/1", "--json");
  assert.equal(one.code, 0, one.err);
  assert.deepEqual(JSON.parse(one.out), { dryRun: false, redriven: 1, queues: { mails: 1 }, failures: [] });
  const discard = await dead("discard", "letters.ts", "mails-dead/0/3", "mails-dead/0/1");
  assert.deepEqual([discard.code, discard.out], [5, "discarded 1 letter\n"]);
  assert.match(discard.err, /mails-dead\/0\/1 stays: .*has been redriven or discarded/);
  const rest = await dead("redrive", "letters.ts");
  // A machine that is slow is told how far it is.
  const said = rest.err.split("\n").filter((line) => line !== "" && !/^redrove \d of 2$|\d of 2$/.test(line));
  assert.deepEqual([rest.code, rest.out, said], [0, "redriven 2 letters: 2 into mails\n", []]);
  assert.deepEqual((await dead("list", "letters.ts")).err, "0 letters\n");
});

test("S4.5 ottla dead redrive tells how far it is, and goes on after it was stopped", async (t) => {
  const broker = await openBroker(t);
  await write(broker, 12, 0);
  const at = ["--brokers", broker.address];
  const redrive = spawnCli(t, ["dead", "redrive", "letters.ts", "--rate", "2", ...at]);
  await redrive.printed(/^redriven \d+ of 12$/m);
  redrive.kill("SIGTERM");
  const { code, err } = await redrive.exited;
  assert.equal(code, 1);
  assert.match(
    err,
    /SIGTERM: stopping\nottla: stopped: what is done stays done, the same command goes on with the rest\n$/,
  );
  const rest = await runCli(t, "dead", "redrive", "letters.ts", "--json", ...at);
  const { redriven } = JSON.parse(rest.out) as { redriven: number };
  assert.ok(redriven < 12 && redriven > 0, rest.out);
  const worker = spawnCli(t, ["worker", "letters.ts", ...at]);
  await worker.printed(/mail to u11/);
  assert.deepEqual(worker.out().match(/(?<=mail to u)\d+/g), range(12).map(String));
});

test("S4.4 ottla blocked lists what blocks, and skips it once no worker runs", async (t) => {
  const broker = await openBroker(t);
  const at = ["--brokers", broker.address];
  const worker = spawnCli(t, ["worker", "letters.ts", ...at]);
  assert.equal((await runCli(t, "enqueue", "letters.ts", "fail", ...at)).code, 0);
  await worker.printed(/a job failed.*attempt\D{1,3}4\b/);
  const list = await runCli(t, "blocked", "list", "letters.ts", ...at);
  assert.match(list.out, /^JOB +FAILURES +NEXT TRY AT\nstuck\/0\/0 +\d+ +(2\S+Z|now)\n$/);
  assert.equal(list.err, "1 blocked job\n");
  const early = await runCli(t, "blocked", "skip", "letters.ts", "stuck/0/0", ...at);
  assert.equal(early.code, 1);
  assert.match(
    early.err,
    /stuck\/0\/0: .*group letters has workers elsewhere: .*or stop the group's workers and skip it/,
  );
  worker.kill("SIGTERM");
  assert.equal((await worker.exited).code, 0);
  const skipped = await runCli(t, "blocked", "skip", "letters.ts", "stuck/0/0", "--dead-letter", "mails-dead", ...at);
  assert.deepEqual([skipped.code, skipped.out], [0, "skipped stuck/0/0: it went into mails-dead\n"], skipped.err);
  assert.deepEqual((await runCli(t, "blocked", "list", "letters.ts", "--json", ...at)).out, "[]\n");
  const dead = await runCli(t, "dead", "list", "letters.ts", "--json", ...at);
  assert.deepEqual(JSON.parse(dead.out)[0].origin, { topic: "stuck", partition: 0, offset: 0 });
});

test("ottla dead and ottla blocked refuse what makes no sense before they load anything", async () => {
  const cases: [string[], RegExp][] = [
    [["dead"], /list, show, redrive or discard is expected/],
    [["dead", "lst", "x.ts"], /expected, and "lst" is given/],
    [["dead", "list", "x.ts", "d/0/1"], /list takes no LETTER: `ottla dead show` shows d\/0\/1/],
    [["dead", "list", "x.ts", "--rate", "1"], /ottla dead list knows no --rate/],
    [["dead", "show", "x.ts"], /show takes one LETTER/],
    [["dead", "discard", "x.ts"], /discard takes the LETTERs/],
    [["dead", "redrive", "x.ts", "--rate", "0"], /--rate is "0": a whole number from 1/],
    [["blocked", "skip", "x.ts"], /skip takes one JOB/],
    [["blocked", "list", "x.ts", "--dead-letter", "d"], /ottla blocked list knows no --dead-letter/],
    [["blocked", "x.ts"], /list or skip is expected, and "x\.ts" is given/],
    [["dead", "redrive", "letters.ts", "mails/0/1"], /dead\.redrive\.places\[0\]\.topic: "mails" is a queue/],
  ];
  const broker = await startBroker({ port: 0 });
  for (const [argv, message] of cases) {
    const io = fakeIo();
    assert.equal(await run([...argv, "--brokers", broker.address, "--timeout", "1s"], io), 2, argv.join(" "));
    assert.match(io.err(), message);
  }
  await broker.close();
});
