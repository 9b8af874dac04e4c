import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryNetwork } from "../../src/net/memory.ts";
import type { ByteStream, StreamHandlers } from "../../src/net/transport.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const SERVER = { host: "server", port: 1 } as const;
const never = new AbortController().signal;

/** Handlers that write down what they are told. */
function recorder(): StreamHandlers & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    data: (chunk) => void log.push(new TextDecoder().decode(chunk)),
    drain: () => void log.push("drain"),
    close: (cause) => void log.push(cause === undefined ? "closed" : `closed: ${cause.message}`),
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function pair(delay?: () => number) {
  const time = new VirtualClock();
  const network = new MemoryNetwork({ delay });
  const [serverClock, clientClock] = [time.instance(), time.instance()];
  const server = network.transport(serverClock);
  const client = network.transport(clientClock);
  const accepted: { stream: ByteStream; handlers: ReturnType<typeof recorder> }[] = [];
  const listener = await server.listen(SERVER, (stream) => {
    const handlers = recorder();
    accepted.push({ stream, handlers });
    return handlers;
  });
  const near = recorder();
  const stream = await time.run(client.connect(SERVER, near, never));
  return {
    time,
    network,
    server,
    client,
    serverClock,
    clientClock,
    listener,
    near,
    stream,
    far: accepted[0]!,
    accepted,
  };
}

test("bytes arrive in order and whole on either side, then the close", async () => {
  const { time, near, stream, far } = await pair();
  for (const text of ["a", "b", "c"]) assert.equal(stream.write(bytes(text)), true);
  far.stream.write(bytes("x"));
  stream.end();
  assert.equal(stream.write(bytes("late")), false);
  await time.advance(1);
  assert.deepEqual(far.handlers.log, ["a", "b", "c", "closed"]);
  assert.deepEqual(near.log, ["closed"], "what comes after an own close is not heard");
  assert.equal(far.stream.write(bytes("y")), false);
});

test("a link's delay holds bytes up and keeps their order", async () => {
  const delays = [50, 5, 20];
  const { time, stream, far } = await pair(() => delays.shift() ?? 0);
  for (const text of ["a", "b", "c"]) stream.write(bytes(text));
  await time.advance(49);
  assert.deepEqual(far.handlers.log, []);
  await time.advance(1);
  assert.deepEqual(far.handlers.log, ["a", "b", "c"]);
});

test("destroy tells its own side the cause, and the peer a plain close", async () => {
  const { time, near, stream, far } = await pair();
  stream.destroy(new Error("enough"));
  stream.destroy(new Error("again"));
  await time.advance(1);
  assert.deepEqual([near.log, far.handlers.log], [["closed: enough"], ["closed"]]);
});

test("cut drops a party's streams without a word to itself", async () => {
  const { time, client, near, far } = await pair();
  client.cut();
  await time.advance(1);
  assert.deepEqual([near.log, far.handlers.log], [[], ["closed"]]);
});

test("a frozen party hears nothing, and its peer goes on", async () => {
  const { time, clientClock, near, stream, far } = await pair();
  clientClock.freeze();
  far.stream.write(bytes("x"));
  stream.write(bytes("a"));
  await time.advance(10);
  assert.deepEqual([near.log, far.handlers.log], [[], ["a"]]);
});

test("an isolated party's bytes wait until it rejoins", async () => {
  const { time, client, near, stream, far } = await pair();
  client.isolate();
  stream.write(bytes("a"));
  far.stream.write(bytes("x"));
  await time.advance(1_000);
  assert.deepEqual([near.log, far.handlers.log], [[], []]);
  client.rejoin();
  await time.advance(1);
  assert.deepEqual([near.log, far.handlers.log], [["x"], ["a"]]);
});

test("a connect to nobody is refused by name, and one that is aborted rejects with the reason", async () => {
  const { time, client, listener } = await pair();
  await assert.rejects(client.connect({ host: "nobody", port: 7 }, recorder(), never), /ECONNREFUSED nobody:7/);
  const reason = new Error("no time");
  await assert.rejects(client.connect(SERVER, recorder(), AbortSignal.abort(reason)), reason);
  await time.run(listener.close());
  await assert.rejects(client.connect(SERVER, recorder(), never), /ECONNREFUSED server:1/);
});

test("a listener takes an address for itself, closes its streams, and leaves the address free", async () => {
  const { time, server, listener, near } = await pair();
  await assert.rejects(
    server.listen(SERVER, () => recorder()),
    /server:1 is in use/,
  );
  await listener.close();
  await time.advance(1);
  assert.deepEqual(near.log, ["closed"]);
  const again = await server.listen(SERVER, () => recorder());
  assert.deepEqual(again.address, SERVER);
  const free = await server.listen({ host: "server", port: 0 }, () => recorder());
  assert.ok(free.address.port > 0);
});
