import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../../src/broker/mod.ts";
import { systemClock } from "../../src/net/clock.ts";
import { tcp } from "../../src/net/tcp.ts";
import type { ByteStream, Listener, StreamHandlers } from "../../src/net/transport.ts";
import { runScript } from "../support/run-script.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 } as const;
const never = new AbortController().signal;

/** Handlers that keep what they are told, and promise the end. */
function recorder(): StreamHandlers & {
  readonly received: number[];
  readonly ended: Promise<Error | undefined>;
  has(count: number): Promise<void>;
} {
  const received: number[] = [];
  let wake = (): void => {};
  let end!: (cause: Error | undefined) => void;
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  return {
    ...{ received, ended },
    has: async (count) => {
      while (received.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    data: (chunk) => {
      for (const byte of chunk) received.push(byte);
      wake();
    },
    drain: () => {},
    close: (cause) => end(cause),
  };
}

/** A listener, and the first stream that it accepts. */
async function listen(): Promise<{
  readonly listener: Listener;
  readonly handlers: ReturnType<typeof recorder>;
  readonly accepted: Promise<ByteStream>;
}> {
  let accept!: (stream: ByteStream) => void;
  const accepted = new Promise<ByteStream>((resolve) => {
    accept = resolve;
  });
  const handlers = recorder();
  const listener = await tcp.listen(LOOPBACK, (stream) => {
    accept(stream);
    return handlers;
  });
  return { listener, handlers, accepted };
}

test("bytes pass both ways as plain views, in order", async () => {
  const { listener, handlers, accepted } = await listen();
  const near = recorder();
  let plain = true;
  const { data } = near;
  near.data = (chunk) => {
    plain &&= Object.getPrototypeOf(chunk) === Uint8Array.prototype;
    data(chunk);
  };
  const stream = await tcp.connect(listener.address, near, never);
  const far = await accepted;
  stream.write(new Uint8Array([1, 2]));
  stream.write(new Uint8Array([3]));
  await handlers.has(3);
  far.write(new Uint8Array([4]));
  await near.has(1);
  assert.deepEqual([handlers.received, near.received, plain], [[1, 2, 3], [4], true]);
  stream.destroy();
  assert.equal(await near.ended, undefined);
  await handlers.ended;
  assert.equal(stream.write(new Uint8Array([5])), false);
  await listener.close();
});

test("a refused connect rejects with the system's own error", async () => {
  const { listener } = await listen();
  await listener.close();
  await assert.rejects(tcp.connect(listener.address, recorder(), never), { code: "ECONNREFUSED" });
});

test("a name that does not exist rejects with its name", async () => {
  const address = { host: "no-such-host.invalid", port: 9092 };
  await assert.rejects(tcp.connect(address, recorder(), never), /no-such-host\.invalid/);
});

test("a close by the peer is told once, without a cause", async () => {
  const { listener, accepted } = await listen();
  const near = recorder();
  await tcp.connect(listener.address, near, never);
  (await accepted).end();
  assert.equal(await near.ended, undefined);
  await listener.close();
});

test("destroy with a cause tells that cause", async () => {
  const { listener } = await listen();
  const near = recorder();
  const stream = await tcp.connect(listener.address, near, never);
  const cause = new Error("enough");
  stream.destroy(cause);
  assert.equal(await near.ended, cause);
  await listener.close();
});

test("end sends what is queued before it closes", async () => {
  const { listener, handlers } = await listen();
  const stream = await tcp.connect(listener.address, recorder(), never);
  const size = 4 * 1024 * 1024;
  stream.write(new Uint8Array(size));
  stream.end();
  await handlers.ended;
  assert.equal(handlers.received.length, size);
  await listener.close();
});

test("a connect that is aborted rejects with the reason, before it begins and while it is under way", async () => {
  const { listener } = await listen();
  const reason = new Error("no time");
  await assert.rejects(tcp.connect(listener.address, recorder(), AbortSignal.abort(reason)), reason);
  const abort = new AbortController();
  const connecting = tcp.connect(listener.address, recorder(), abort.signal);
  abort.abort(reason);
  await assert.rejects(connecting, reason);
  await listener.close();
});

test("an address that is taken cannot be listened on", async () => {
  const { listener } = await listen();
  await assert.rejects(
    tcp.listen(listener.address, () => recorder()),
    { code: "EADDRINUSE" },
  );
  await listener.close();
});

for (const action of ["list", "send", "giveUp"]) {
  test(`a process with idle connections ends by itself: ${action}`, async (t) => {
    const broker = await startBroker({ port: 0 });
    t.after(() => broker.close());
    await broker.createTopic("t", { partitions: 1 });
    const where = (wanted: string) => ({
      api: "Heartbeat",
      where: ({ body }: { readonly body: unknown }) => (body as { groupId: string }).groupId === wanted,
    });
    broker.faults.delay({ ...where("answered"), ms: 100 });
    broker.faults.drop(where("mute"));
    assert.deepEqual(await runScript("idle-client.ts", [broker.address, action]), { output: "done\n", code: 0 });
  });
}

test("a process that closes sends first what wants no acknowledgement", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  await broker.createTopic("t", { partitions: 1 });
  assert.deepEqual(await runScript("idle-client.ts", [broker.address, "sendUnacknowledged"]), {
    output: "done\n",
    code: 0,
  });
  const log = (): number => broker.topics()[0]!.partitions[0]!.logEndOffset;
  let late = false;
  const timer = new Promise<void>((resolve) => {
    const giveUp = (): void => {
      late = true;
      resolve();
    };
    systemClock.timer(10_000, giveUp, { idle: true });
  });
  while (log() < 20 && !late) await Promise.race([broker.nextRequest({ api: "Produce" }), timer]);
  assert.equal(log(), 20);
});
