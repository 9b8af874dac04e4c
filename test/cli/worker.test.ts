import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { type Broker, startBroker } from "../../src/broker/mod.ts";
import { type CliProcess, runCli, spawnCli } from "./spawn-cli.ts";

interface Cleanup {
  after(fn: () => unknown): void;
}

async function openBroker(t: Cleanup, topics: Record<string, number> = {}, clusterId?: string): Promise<Broker> {
  const broker = await startBroker({ port: 0, clusterId });
  t.after(() => broker.close());
  for (const [name, partitions] of Object.entries(topics)) await broker.createTopic(name, { partitions });
  return broker;
}

/** A worker in which a `wait` job runs. */
async function waitingWorker(t: Cleanup, ...options: string[]): Promise<CliProcess> {
  const broker = await openBroker(t);
  const at = ["--brokers", broker.address];
  const worker = spawnCli(t, ["worker", "shop.ts", ...at, ...options]);
  await worker.printed(/assigned mails\/0-1/);
  assert.equal((await runCli(t, "enqueue", "shop.ts", "wait", ...at)).code, 0);
  await worker.printed(/^waiting$/m);
  return worker;
}

test("ottla worker prints its jobs, runs what ottla enqueue enqueues, and creates topics on ottla broker", async (t) => {
  const broker = spawnCli(t, ["broker", "--port", "0", "--json"]);
  const [, address] = await broker.printed(/^\{"address":"(127\.0\.0\.1:\d+)"\}$/m);
  const worker = spawnCli(t, ["worker", "shop.ts", "--json"], { KAFKA_BROKERS: address! });
  await worker.printed(/assigned mails\/0-1, ticks\/0-2/);
  assert.deepEqual(JSON.parse(worker.out()), {
    app: "app",
    modules: ["shop.ts"],
    group: "shop-workers",
    brokers: [address],
    jobs: [
      { name: "send-mail", queue: "mails", isOrdered: true },
      { name: "tick", queue: "ticks", isOrdered: false },
      { name: "wait", queue: "mails", isOrdered: false },
    ],
    queues: ["mails", "ticks"],
    queuePatterns: [],
    scheduledMessagesTopics: [],
    recurring: [],
  });
  const at = ["--brokers", address!];
  const mail = await runCli(t, "enqueue", "shop.ts", "send-mail", '{"to":"Ada"}', "--json", ...at);
  assert.deepEqual([mail.code, mail.err], [0, ""]);
  const result = JSON.parse(mail.out);
  assert.deepEqual(
    [result.job, result.state, result.queue, result.topic, typeof result.id, result.offset],
    ["send-mail", "enqueued", "mails", "mails", "string", 0],
  );
  const tick = await runCli(t, "enqueue", "shop.ts", "tick", "-5", ...at);
  assert.match(tick.out, /^enqueued tick [0-9a-f-]{36}: queue ticks, partition \d, offset 0\n$/);
  await Promise.all([worker.printed(/mail to Ada/), worker.printed(/tick -5/)]);
  worker.kill("SIGTERM");
  assert.equal((await worker.exited).code, 0);
  broker.kill("SIGINT");
  assert.equal((await broker.exited).code, 0);
});

test("ottla worker works on the queues that it is told to, and shows them", async (t) => {
  const broker = await openBroker(t);
  const worker = spawnCli(t, ["worker", "shop.ts", "--queues", "ticks", "--brokers", broker.address]);
  await worker.printed(/assigned ticks\/0-2$/m);
  assert.equal(
    worker.out(),
    `app "app" of shop.ts: group shop-workers, brokers ${broker.address}\nJOB   QUEUE  ORDER\ntick  ticks  none\n`,
  );
  worker.kill("SIGINT");
  assert.equal((await worker.exited).code, 0);
  assert.deepEqual(
    broker.groups().map(({ members }) => members),
    [[]],
  );
});

test("S6.5 ottla worker shows an app's patterns, works on what they match, and on what of it is named", async (t) => {
  const broker = await openBroker(t, { mails: 1, "tenant-1": 1, "tenant-2": 1 });
  const at = ["--brokers", broker.address];
  const worker = spawnCli(t, ["worker", "patterns.ts", ...at]);
  await worker.printed(/assigned .*tenant-1\/0, tenant-2\/0$/m);
  assert.match(worker.out(), /send-mail +mails +none\nand every topic that \/\^tenant-\/ matches\n/);
  worker.kill("SIGTERM");
  assert.equal((await worker.exited).code, 0);
  const one = spawnCli(t, ["worker", "patterns.ts", "--queues", "tenant-2", "--json", ...at]);
  await one.printed(/assigned tenant-2\/0$/m);
  assert.deepEqual(JSON.parse(one.out()).queuePatterns, []);
  one.kill("SIGTERM");
  assert.equal((await one.exited).code, 0);
});

test("S6.3 ottla worker takes the protocol and the instance id that it is told, and says that an id is another's", async (t) => {
  const broker = await openBroker(t, { mails: 2, ticks: 1 });
  const start = (protocol: string): CliProcess => {
    const options = ["--instance-id", "pod-7", "--group-protocol", protocol];
    return spawnCli(t, ["worker", "shop.ts", "--brokers", broker.address, ...options]);
  };
  for (const protocol of ["classic", "consumer"]) {
    const worker = start(protocol);
    await worker.printed(/assigned mails\/0-1, ticks\/0$/m);
    const [group] = broker.groups();
    assert.deepEqual(
      [group!.type, group!.members.map(({ groupInstanceId }) => groupInstanceId)],
      [protocol, ["pod-7"]],
    );
    if (protocol === "consumer") {
      const second = start(protocol);
      await second.printed(/the instance id "pod-7" is another worker's/);
      second.kill("SIGKILL");
      await second.exited;
    }
    worker.kill("SIGTERM");
    assert.equal((await worker.exited).code, 0);
    broker.faults.expireSession("shop-workers");
  }
  const wrong = await runCli(t, "worker", "shop.ts", "--group-protocol", "kip848");
  assert.deepEqual([wrong.code, /--group-protocol is "kip848": classic or consumer/.test(wrong.err)], [2, true]);
  const unnamed = await runCli(t, "worker", "shop.ts", "--instance-id", "a b", "--brokers", broker.address);
  assert.match(unnamed.err, /work\.instanceId: "a b" given/);
});

test("S6.4 SIGTERM lets the running job end, commits it, and exits with 0", async (t) => {
  const worker = await waitingWorker(t);
  worker.kill("SIGTERM");
  await worker.printed(/SIGTERM: closing; 1 job still running/);
  worker.stdin.write("go\n");
  const { code, out, err } = await worker.exited;
  assert.equal(code, 0, err);
  assert.match(out, /^waited$/m);
  assert.match(err, /closed\n$/);
});

test("S6.4 a shutdown timeout ends the worker with 4, and names the job that will run again", async (t) => {
  const worker = await waitingWorker(t, "--shutdown-timeout", "50ms");
  worker.kill("SIGINT");
  const { code, err } = await worker.exited;
  assert.equal(code, 4, err);
  assert.match(err, /1 jobs? had not ended after shutdownTimeout, 50 ms, and will run again: mails\/\d\/0/);
  assert.doesNotMatch(err, /\n {4}at /);
});

test("S6.4 a second signal ends the worker at once, with its number", async (t) => {
  const worker = await waitingWorker(t);
  worker.kill("SIGINT");
  await worker.printed(/SIGINT: closing/);
  worker.kill("SIGTERM");
  assert.equal((await worker.exited).code, 143);
});

test("a signal ends ottla worker while it still looks for a broker", async (t) => {
  const worker = spawnCli(t, ["worker", "shop.ts", "--brokers", "127.0.0.1:1"]);
  await worker.printed(/no Kafka broker could be reached.*trying for 60 s/);
  worker.kill("SIGTERM");
  assert.equal((await worker.exited).code, 0);
});

/** Somebody who takes connections, and says nothing. */
async function listenInSilence(t: Cleanup): Promise<string> {
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("no broker at the address is told, with the address, within --timeout", async (t) => {
  // Not a port that was free a moment ago: other tests take such ports.
  for (const address of ["127.0.0.1:1", await listenInSilence(t)]) {
    const at = ["--brokers", address, "--timeout", "100ms"];
    for (const command of [
      ["worker", "shop.ts"],
      ["enqueue", "shop.ts", "tick"],
      ["topics", "plan", "shop.ts"],
    ]) {
      const { code, err } = await runCli(t, ...command, ...at);
      assert.equal(code, 1, err);
      assert.ok(err.includes(address), err);
      assert.match(err, /\(within 0\.1 s\)\. Is Kafka running there\?/);
      assert.doesNotMatch(err, /\n {4}at /);
    }
  }
});

test("S2.7 ottla worker on a real cluster names the command that creates topics, which then creates them", async (t) => {
  const broker = await openBroker(t, { ticks: 1 }, "real");
  const at = ["--brokers", broker.address];
  const refused = await runCli(t, "worker", "shop.ts", ...at);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /topic mails does not exist: create it with `ottla topics apply MODULE`/);
  const plan = await runCli(t, "topics", "plan", "shop.ts", ...at);
  assert.deepEqual([plan.code, broker.topics().length], [3, 1]);
  assert.match(plan.out, /^mails +2 +no topic +create\nticks +broker's default +1 +nothing$/m);
  const json = await runCli(t, "topics", "plan", "shop.ts", "--json", ...at);
  assert.equal(json.code, 3);
  assert.deepEqual(JSON.parse(json.out), [
    {
      ...{ topic: "mails", partitions: 2, replicationFactor: -1, config: { "retention.ms": "-1" } },
      ...{ action: "create", actualPartitions: null },
    },
    {
      ...{ topic: "ticks", partitions: null, replicationFactor: -1, config: { "retention.ms": "-1" } },
      ...{ action: "none", actualPartitions: 1 },
    },
  ]);
  const apply = await runCli(t, "topics", "apply", "shop.ts", ...at);
  assert.equal(apply.code, 0, apply.err);
  assert.match(apply.out, /^mails +2 +created$/m);
  assert.equal(broker.topics().find(({ name }) => name === "mails")!.partitions.length, 2);
  assert.equal((await runCli(t, "topics", "plan", "shop.ts", ...at)).code, 0);
});

test("a topic of another size than declared is left alone by ottla topics, and refused by ottla worker", async (t) => {
  const broker = await openBroker(t, { mails: 5, ticks: 1 });
  const at = ["--brokers", broker.address];
  const apply = await runCli(t, "topics", "apply", "shop.ts", ...at);
  assert.equal(apply.code, 3);
  assert.match(apply.out, /^mails +2 +5 +nothing: the number of partitions differs/m);
  const worker = await runCli(t, "worker", "shop.ts", ...at);
  assert.equal(worker.code, 1);
  assert.match(worker.err, /topic mails has 5 partitions, queues\.mails\.partitions says 2/);
});

test("a worker that its group refuses for good ends with 1, and says why", async (t) => {
  const broker = await startBroker({ port: 0, minSessionTimeout: 600_000 });
  t.after(() => broker.close());
  const { code, err } = await runCli(
    t,
    "worker",
    "shop.ts",
    "--group-protocol",
    "classic",
    "--brokers",
    broker.address,
  );
  assert.equal(code, 1, err);
  assert.match(err, /^ottla: the worker of group shop-workers has ended: .*INVALID_SESSION_TIMEOUT/m);
});
