import assert from "node:assert/strict";
import { test } from "node:test";
import { TypedEmitter } from "../../src/client/typed-emitter.ts";

function emitter(): TypedEmitter<{ a: number; b: string }> {
  return new TypedEmitter<{ a: number; b: string }>({ a: true, b: true }, (name) => {
    throw new RangeError(`no event ${name}`);
  });
}

test("each listener gets the events of its name, until it is removed", () => {
  const events = emitter();
  const got: unknown[] = [];
  const listener = (event: number): void => void got.push(event);
  const forget = events.on("a", listener);
  events.on("a", listener);
  events.on("b", (event) => void got.push(event));
  events.emit("a", 1);
  forget();
  events.emit("a", 2);
  events.emit("b", "x");
  assert.deepEqual(got, [1, 1, 2, "x"]);
});

test("a listener may remove itself, and a name that no event has is refused", () => {
  const events = emitter();
  const got: string[] = [];
  const forget = events.on("a", () => {
    got.push("first");
    forget();
  });
  events.on("a", () => void got.push("second"));
  events.emit("a", 1);
  events.emit("a", 1);
  assert.deepEqual(got, ["first", "second", "second"]);
  assert.throws(() => events.on("c" as "a", () => {}), /no event c/);
});
