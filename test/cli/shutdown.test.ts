import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shutdownAsked, watchShutdown } from "../../src/cli/shutdown.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { fakeIo } from "./fake-io.ts";

describe("a shutdown", () => {
  test("is asked for by the first signal, and forced by the second", async () => {
    const io = fakeIo();
    const seen: string[] = [];
    const shutdown = watchShutdown(io, (signal) => seen.push(signal));
    assert.equal(shutdown.signal.aborted, false);
    io.send("SIGTERM");
    await shutdownAsked(shutdown);
    assert.deepEqual([seen, io.exits], [["SIGTERM"], []]);
    io.send("SIGTERM");
    assert.deepEqual([seen, io.exits], [["SIGTERM"], [143]]);
    assert.match(io.err(), /SIGTERM again: ended at once/);
  });

  test("takes the echo of one Ctrl-C for what it is, and a second press for a second one", async () => {
    const time = new VirtualClock();
    const io = fakeIo();
    watchShutdown(io, undefined, time.instance());
    await time.advance(10);
    io.send("SIGINT");
    await time.advance(100);
    io.send("SIGINT");
    assert.deepEqual(io.exits, []);
    await time.advance(1_000);
    io.send("SIGINT");
    assert.deepEqual(io.exits, [130]);
  });

  test("hears nothing after it was removed", () => {
    const io = fakeIo();
    const shutdown = watchShutdown(io);
    shutdown.remove();
    io.send("SIGTERM");
    assert.equal(shutdown.signal.aborted, false);
  });
});
