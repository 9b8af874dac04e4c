import assert from "node:assert/strict";
import { test } from "node:test";
import { asText, type Match, matches } from "../../src/testing/match.ts";

interface Order {
  readonly id: number;
  readonly customer: { readonly name: string; readonly tags: readonly string[] };
  readonly note?: string;
}

const order: Order = { id: 7, customer: { name: "Ada", tags: ["a", "b"] } };

/** The compiler checks what may be asked for. */
function wanted(match: Match<Order>): Match<Order> {
  return match;
}

test("a match is a part of the value, at any depth", () => {
  assert.ok(matches(order, wanted({})));
  assert.ok(matches(order, wanted({ id: 7 })));
  assert.ok(matches(order, wanted({ customer: { name: "Ada" } })));
  assert.ok(matches(order, wanted({ note: undefined })));
  assert.ok(!matches(order, wanted({ id: 8 })));
  assert.ok(!matches(order, wanted({ customer: { name: "Grace" } })));
  assert.ok(!matches(order, wanted({ note: "x" })));
  assert.ok(!matches(undefined, wanted({})));
  // @ts-expect-error: no such property
  wanted({ ids: 7 });
  // @ts-expect-error: a wrong type
  wanted({ customer: { name: 7 } });
});

test("lists are matched whole", () => {
  assert.ok(matches(order, wanted({ customer: { tags: ["a", "b"] } })));
  assert.ok(!matches(order, wanted({ customer: { tags: ["a"] } })));
  assert.ok(!matches(order, wanted({ customer: { tags: ["b", "a"] } })));
  assert.ok(!matches([{ a: 1, b: 2 }], [{ a: 1 }]), "nothing is left out inside a list");
  assert.ok(!matches({ 0: "a", length: 1 }, ["a"]));
});

test("values that are no objects are the same or not, and dates are what they are written as", () => {
  assert.ok(matches("a", "a") && matches(undefined, undefined) && matches(null, null) && matches(NaN, NaN));
  assert.ok(!matches("1", 1) && !matches(null, {}) && !matches({}, null) && !matches(null, undefined));
  assert.ok(matches({ at: new Date(5) }, { at: new Date(5) }));
  assert.ok(!matches({ at: new Date(5) }, { at: new Date(6) }));
  assert.ok(!matches({ at: {} }, { at: new Date(5) }));
});

test("a value is one short line in a message, whatever it is", () => {
  assert.equal(asText({ a: [1, "x"] }), '{"a":[1,"x"]}');
  assert.equal(asText(undefined), "undefined");
  assert.equal(asText(5n), "5");
  assert.equal(asText("x".repeat(500)).length, 120);
});
