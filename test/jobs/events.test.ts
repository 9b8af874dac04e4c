import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { EventHub } from "../../src/jobs/events.ts";
import type { Logger } from "../../src/jobs/logger.ts";

function bench(): { hub: EventHub; logged: string[] } {
  const logged: string[] = [];
  const log = (message: string, fields?: unknown): void => {
    logged.push(`${message}: ${((fields as { error?: Error })?.error as Error)?.message}`);
  };
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  return { hub: new EventHub(logger), logged };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("events reach their listeners in order until they are removed", () => {
  const { hub } = bench();
  const heard: string[] = [];
  const listener = (): void => void heard.push("a");
  const remove = hub.on("closed", listener);
  hub.on("closed", listener);
  const once = hub.on("closed", () => {
    heard.push("once");
    once();
  });
  hub.emit("closed", { what: "app" });
  remove();
  remove();
  hub.emit("closed", { what: "app" });
  assert.deepEqual(heard, ["a", "a", "once", "a"]);
});

test("events that nobody listens for cost nothing", () => {
  const { hub } = bench();
  assert.equal(hub.has("started"), false);
  const remove = hub.on("started", () => {});
  assert.equal(hub.has("started"), true);
  remove();
  assert.equal(hub.has("started"), false);
});

test("a listener that fails, at once or later, is told of by the error event", async () => {
  const { hub, logged } = bench();
  const errors: string[] = [];
  hub.on("error", ({ error, during }) => errors.push(`${during}: ${(error as Error).message}`));
  hub.on("closed", () => {
    throw new Error("at once");
  });
  hub.on("closed", async () => {
    throw new Error("later");
  });
  hub.emit("closed", { what: "app" });
  await turn();
  assert.deepEqual(errors, ["a listener of the closed event: at once", "a listener of the closed event: later"]);
  assert.deepEqual(logged, []);
});

test("an error that nobody listens for is logged, and so is an error listener's own", async () => {
  const { hub, logged } = bench();
  hub.emit("error", { error: new Error("lonely"), during: "sending" });
  hub.on("error", () => {
    throw new Error("worse");
  });
  hub.on("error", async () => {
    throw new Error("worst");
  });
  hub.emit("error", { error: new Error("heard"), during: "sending" });
  await turn();
  assert.deepEqual(logged, [
    "sending: lonely",
    "a listener of the error event failed: worse",
    "a listener of the error event failed: worst",
  ]);
});

test("an event that there is not is refused with the one that was probably meant", () => {
  const { hub } = bench();
  assert.throws(() => hub.on("start" as never, () => {}), /did you mean "started"\?/);
  assert.throws(() => hub.on("closed", "no function" as never), InvalidOptionError);
});
