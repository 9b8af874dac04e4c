import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findRule, resolveErrorRules } from "../../src/jobs/error-rules.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";

class Odd extends Error {}
class Odder extends Odd {}

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error("coded", { cause }), { code });

test("S4.2 a rule matches by class, code and name, and by an error's cause where nothing matches the error itself", () => {
  const rules = resolveErrorRules(
    [{ errors: [Odd] }, { errors: [{ code: "E1" }] }, { errors: [{ name: "RangeError", code: "E2" }] }],
    [{ errors: [TypeError] }],
    "job",
  );
  const index = (error: unknown): number | "discard" | undefined => {
    const rule = findRule(rules, error);
    return rule === undefined ? undefined : (rule.retry?.index ?? "discard");
  };
  assert.equal(index(new Odder()), 0);
  assert.equal(index(coded("E1")), 1);
  assert.equal(index(new RangeError()), undefined, "both have to be equal");
  assert.equal(index(Object.assign(new RangeError(), { code: "E2" })), 2);
  assert.equal(index(new Error("outer", { cause: new Odd() })), 0);
  assert.equal(index(coded("E1", new TypeError())), 1, "the error itself goes before its cause");
  assert.equal(index(new Error("outer", { cause: new Error("middle", { cause: new TypeError() }) })), "discard");
  for (const thrown of [undefined, null, "text", 7, {}, new Error()]) assert.equal(index(thrown), undefined);
  const circle = new Error("circle");
  circle.cause = circle;
  assert.equal(index(circle), undefined);
});

test("S4.2 the last rule that matches counts, and those that discard come after those that retry", () => {
  const first = resolveErrorRules([{ errors: [Error] }, { errors: [Odd] }], undefined, "job");
  assert.equal(findRule(first, new Odd())?.retry?.index, 1);
  const second = resolveErrorRules([{ errors: [Odd] }, { errors: [Error] }], undefined, "job");
  assert.equal(findRule(second, new Odd())?.retry?.index, 1);
  const both = resolveErrorRules([{ errors: [Odd] }], [{ errors: [Error] }], "job");
  assert.equal(findRule(both, new Odd())?.retry, undefined);
});

test("S4.2 waits are those of Active Job: 3 s, n⁴ + 2 s, or a function's, which has no jitter", () => {
  const wait = (rule: object, failures: number, random: number): number =>
    resolveErrorRules([{ errors: [Error], ...rule }], undefined, "job")[0]!.retry!.wait(failures, random);
  assert.deepEqual([wait({}, 1, 0), wait({}, 4, 0)], [3_000, 3_000]);
  assert.equal(wait({ wait: "10s", jitter: 0.5 }, 1, 1), 15_000);
  const polynomial = [1, 2, 3, 4].map((n) => wait({ wait: "polynomiallyLonger", jitter: 0 }, n, 0.9));
  assert.deepEqual(polynomial, [3_000, 18_000, 83_000, 258_000]);
  assert.equal(wait({ wait: "polynomiallyLonger" }, 2, 1), 16_000 * 1.15 + 2_000);
  assert.equal(wait({ wait: (n: number) => n * 10, jitter: 1 }, 3, 0.7), 30);
  assert.throws(() => wait({ wait: () => "soon" }, 1, 0), InvalidOptionError);
});

test("S4.2 chance makes a wait longer by at most its jitter, and never shorter", () => {
  const input = fc.tuple(
    fc.integer({ min: 0, max: 1e6 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    fc.integer({ min: 1, max: 20 }),
  );
  fc.assert(
    fc.property(input, ([base, jitter, random, failures]) => {
      const rule = { errors: [Error], wait: base, jitter };
      const wait = resolveErrorRules([rule], undefined, "job")[0]!.retry!.wait(failures, random);
      assert.ok(wait >= base && wait <= base * (1 + jitter) + 1e-6, `${wait}`);
    }),
  );
});

const REFUSED: readonly (readonly [retryOn: unknown, discardOn: unknown, option: string, problem: RegExp])[] = [
  [{ errors: [Error] }, undefined, "job.retryOn", /a list of rules/],
  [[{ erors: [Error] }], undefined, "job.retryOn[0].erors", /did you mean "errors"/],
  [[{}], undefined, "job.retryOn[0].errors", /a list of error classes/],
  [[{ errors: [] }], undefined, "job.retryOn[0].errors", /a list of error classes/],
  [[{ errors: [{}] }], undefined, "job.retryOn[0].errors[0]", /would match nothing/],
  [[{ errors: ["TimeoutError"] }], undefined, "job.retryOn[0].errors[0]", /"TimeoutError" given/],
  [[{ errors: [{ code: 7 }] }], undefined, "job.retryOn[0].errors[0].code", /7 given/],
  [[{ errors: [Error], attempts: 0 }], undefined, "job.retryOn[0].attempts", /0 given/],
  [[{ errors: [Error], attempts: 5_000 }], undefined, "job.retryOn[0].attempts", /4095/],
  [[{ errors: [Error], jitter: 2 }], undefined, "job.retryOn[0].jitter", /2 given/],
  [[{ errors: [Error], wait: "later" }], undefined, "job.retryOn[0].wait", /"later" is no duration/],
  [Array.from({ length: 9 }, () => ({ errors: [Error] })), undefined, "job.retryOn", /at most 8/],
  [undefined, [{ errors: [Error], wait: 3 }], "job.discardOn[0].wait", /no such option/],
];

for (const [retryOn, discardOn, option, problem] of REFUSED) {
  test(`${option} is refused: ${problem.source}`, () => {
    assert.throws(
      () => resolveErrorRules(retryOn, discardOn, "job"),
      (error) => error instanceof InvalidOptionError && error.option === option && problem.test(error.message),
    );
  });
}
