import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Detour } from "./detour.ts";

/** A server that says everything back, and a detour to it. */
async function scene(t: TestContext): Promise<{ readonly detour: Detour; readonly accepted: Socket[] }> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const detour = await Detour.open({ host: "127.0.0.1", port: (server.address() as { port: number }).port });
  t.after(async () => {
    await detour.close();
    for (const socket of accepted) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { detour, accepted };
}

/** A connection through a detour. */
class Caller {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  #heard = "";
  #wake: () => void = () => {};

  constructor({ port }: Detour) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk: Uint8Array) => {
      this.#heard += new TextDecoder().decode(chunk);
      this.#wake();
    });
    // Not by once(): that rejects where it was reset.
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
  }

  get heard(): string {
    return this.#heard;
  }

  async hears(text: string): Promise<void> {
    while (this.#heard !== text)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

test("a detour leads there and back, and passes an end on", async (t) => {
  const { detour } = await scene(t);
  const caller = new Caller(detour);
  caller.socket.write("hello");
  await caller.hears("hello");
  caller.socket.end();
  await caller.closed;
});

test("a detour that delays keeps the order of what passes", async (t) => {
  const { detour } = await scene(t);
  const caller = new Caller(detour);
  caller.socket.write("0");
  await caller.hears("0");
  // The first is the latest: the others wait for it.
  const delays = [60, 0, 30, 0, 0, 20, 0];
  detour.delay(() => delays.shift() ?? 0);
  const began = performance.now();
  caller.socket.write("1");
  await new Promise((resolve) => setImmediate(resolve));
  caller.socket.write("2");
  caller.socket.write("3");
  await caller.hears("0123");
  assert.ok(performance.now() - began >= 55);
});

test("a detour that is cut ends its connections, and refuses others until it heals", async (t) => {
  const { detour } = await scene(t);
  const caller = new Caller(detour);
  caller.socket.write("a");
  await caller.hears("a");
  detour.cut(true);
  await caller.closed;
  const refused = new Caller(detour);
  await refused.closed;
  detour.heal();
  const next = new Caller(detour);
  next.socket.write("b");
  await next.hears("b");
  next.socket.destroy();
});

test("a detour that holds loses nothing of what it held", async (t) => {
  const { detour } = await scene(t);
  const caller = new Caller(detour);
  caller.socket.write("a");
  await caller.hears("a");
  detour.hold();
  const during = new Caller(detour);
  for (const each of [caller, during]) each.socket.write("b");
  // A connection that is not held is there and back meanwhile.
  await once(during.socket, "connect");
  assert.equal(caller.heard, "a");
  detour.heal();
  await caller.hears("ab");
  await during.hears("b");
  for (const each of [caller, during]) each.socket.destroy();
});

test("a muted detour leaves connections half open: the broker's side is gone, the client's is told nothing", async (t) => {
  const { detour, accepted } = await scene(t);
  const caller = new Caller(detour);
  caller.socket.write("a");
  await caller.hears("a");
  const gone = once(accepted[0]!, "close");
  detour.mute();
  await gone;
  caller.socket.write("b");
  const during = new Caller(detour);
  await once(during.socket, "connect");
  detour.heal();
  // What was muted stays so; what comes now is answered.
  const next = new Caller(detour);
  next.socket.write("c");
  await next.hears("c");
  caller.socket.write("d");
  assert.deepEqual([caller.heard, during.heard], ["a", ""]);
  assert.deepEqual([caller.socket.destroyed, during.socket.destroyed], [false, false]);
  assert.equal(detour.open, 3);
  for (const each of [caller, during, next]) each.socket.destroy();
});
