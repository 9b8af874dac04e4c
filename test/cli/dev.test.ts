import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../../src/broker/mod.ts";
import { runCli, spawnCli } from "./spawn-cli.ts";

test("ottla dev runs a broker, the app's topics and a worker, and says how to enqueue", async (t) => {
  const dev = spawnCli(t, ["dev", "shop.ts", "--port", "0"], { KAFKA_BROKERS: "127.0.0.1:1" });
  const [, command] = await dev.printed(/^ {2}ottla (enqueue shop\.ts send-mail .* --brokers 127\.0\.0\.1:\d+)$/m);
  await dev.printed(/assigned mails\/0-1, ticks\/0-2/);
  assert.match(dev.out(), /^Kafka broker on 127\.0\.0\.1:\d+, in memory$/m);
  assert.match(dev.out(), /^mails +2 +created$/m);
  const [at] = /--brokers \S+/.exec(command!)!;
  const { code } = await runCli(t, "enqueue", "shop.ts", "send-mail", '{"to":"Ada"}', ...at.split(" "));
  assert.equal(code, 0);
  await dev.printed(/mail to Ada/);
  dev.kill("SIGINT");
  const end = await dev.exited;
  assert.equal(end.code, 0, end.err);
  assert.match(end.err, /closed\n$/);
});

test("ottla dev without a module runs the broker alone", async (t) => {
  const dev = spawnCli(t, ["dev", "--port", "0"]);
  const [, address] = await dev.printed(/Kafka broker on (127\.0\.0\.1:\d+)/);
  const enqueued = await runCli(t, "enqueue", "shop.ts", "tick", "1", "--brokers", address!);
  assert.equal(enqueued.code, 0, enqueued.err);
  dev.kill("SIGTERM");
  assert.equal((await dev.exited).code, 0);
});

test("ottla dev and ottla broker say so when the port is taken", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const port = broker.address.split(":")[1]!;
  for (const command of ["dev", "broker"]) {
    const { code, err } = await runCli(t, command, "--port", port);
    assert.equal(code, 1);
    assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*Choose another port`));
  }
});

test("ottla dev ends when a module cannot be loaded", async (t) => {
  const { code, err } = await runCli(t, "dev", "throws.ts", "--port", "0");
  assert.equal(code, 2);
  assert.match(err, /throws\.ts cannot be loaded: RangeError: no such tenant/);
});
