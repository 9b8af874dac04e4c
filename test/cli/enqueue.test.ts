import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run } from "../../src/cli/mod.ts";
import { fakeIo } from "./fake-io.ts";
import { runCli } from "./spawn-cli.ts";

async function enqueue(...argv: string[]): Promise<{ code: number; err: string }> {
  const io = fakeIo();
  const code = await run(["enqueue", ...argv], io);
  assert.equal(io.out(), "");
  return { code, err: io.err() };
}

describe("ottla enqueue", () => {
  test("refuses a payload that is no JSON before it loads anything", async () => {
    const { code, err } = await enqueue("nowhere.ts", "tick", "{to:1}");
    assert.equal(code, 2);
    assert.match(err, /the payload is no JSON .*\{to:1\}/s);
  });

  test("refuses a job that the app does not have, and says which was probably meant", async () => {
    const { code, err } = await enqueue("shop.ts", "send-mial", "{}");
    assert.equal(code, 2);
    assert.match(
      err,
      /app "app" of shop\.ts has no job "send-mial"\. Did you mean "send-mail"\? Its jobs: send-mail, tick, wait/,
    );
    const far = await enqueue("shop.ts", "frobnicate", "{}");
    assert.match(far.err, /has no job "frobnicate"\. Its jobs: send-mail/);
    assert.equal((await enqueue("no-jobs.ts", "any")).code, 2);
  });

  test("refuses brokers that are no addresses", async () => {
    const { code, err } = await enqueue("two-apps.ts", "pay", "--app", "bank", "--brokers", "no address");
    assert.equal(code, 2);
    assert.match(err, /broker address "no address"/);
  });
});

test("ottla enqueue tells what the job itself refuses before it connects", async (t) => {
  const { code, err } = await runCli(t, "enqueue", "shop.ts", "send-mail", '{"to":""}', "--brokers", "127.0.0.1:1");
  assert.equal(code, 1);
  assert.match(err, /^ottla: the partitioner of "send-mail" gave ""/);
  assert.ok(!err.includes("127.0.0.1"), err);
});
