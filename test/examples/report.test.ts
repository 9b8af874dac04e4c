import assert from "node:assert/strict";
import { test } from "node:test";
import { airportsOf } from "../../examples/flights/airport.ts";
import { attemptsOf } from "../../examples/flights/attempt.ts";
import { differencesOf, type Outcome, printReport, rerunsOf } from "../../examples/flights/report.ts";
import { captured, flight, ran } from "./flights.ts";

const flights = [flight("DTW", 20), flight("HNL", 3), flight("DTW", 40)];
const run = { name: "r", brokers: [], partitions: 2, states: "", logs: "", work: 1, sessionTimeout: 6000 };
const attempts = attemptsOf([
  ...ran("A", "HNL", "1/0", 0, 10),
  ...ran("B", "DTW", "0/0", 0, 100),
  ...ran("B", "DTW", "0/1", 100),
  ...ran("D", "DTW", "0/0", 1000, 1100),
  ...ran("D", "DTW", "0/1", 1100, 1500),
]);
const outcome: Outcome = {
  run,
  jobs: 3,
  attempts,
  killed: { worker: "B", at: 150 },
  airports: airportsOf(flights),
  expected: airportsOf(flights),
};

function report(changes: Partial<Outcome> = {}): { holds: boolean; text: string } {
  const { terminal, written } = captured();
  return { holds: printReport({ ...outcome, ...changes }, terminal), text: written.join("") };
}

test("report tells what happened, and that all held", () => {
  const { holds, text } = report();
  assert.equal(holds, true);
  assert.match(text, /3 jobs in 1\.5 s: 2 a second, 20 before the kill/);
  assert.match(text, /A ran 1 · B ran 2 until it was killed · D ran 2/);
  assert.match(text, /2 jobs ran again because of the kill/);
  assert.match(text, /B killed/);
  assert.match(text, /D takes over/);
  assert.match(text, /DTW 2, HNL 0/);
  assert.equal(text.match(/✓/g)?.length, 3);
  assert.doesNotMatch(text, /✗|other reasons/);
});

test("report says which airports differ, the first of them", () => {
  const wrong = airportsOf([flights[0]!, flights[2]!]);
  const { holds, text } = report({ airports: wrong });
  assert.equal(holds, false);
  assert.match(text, /✗ state not equal.*\n {4}HNL: undefined instead of \{"flights":1/);
  const many = airportsOf(Array.from({ length: 8 }, (_, i) => flight(`AA${i}`, i)));
  assert.match(report({ expected: many, airports: new Map() }).text, /AA4: .*\n {4}and 3 more/);
});

test("report says that a job was lost, or out of order", () => {
  assert.match(report({ jobs: 4 }).text, /✗ jobs lost\n {4}4 were enqueued, 3 have ended/);
  const late = [...attempts, ...attemptsOf(ran("A", "HNL", "1/1", 5, 8))];
  const { holds, text } = report({ jobs: 4, attempts: late.toSorted((a, b) => a.start - b.start) });
  assert.equal(holds, false);
  assert.match(text, /✗ order not held\n {4}HNL: worker A started 1 while/);
});

test("re-runs are told apart by how their earlier attempt ended", () => {
  assert.deepEqual(rerunsOf(attempts, "B"), { uncommitted: 1, cutOff: 1, unexplained: 0 });
  assert.deepEqual(rerunsOf(attempts, "A"), { uncommitted: 0, cutOff: 0, unexplained: 2 });
  assert.match(report({ killed: { worker: "A", at: 150 } }).text, /2 jobs ran again for other reasons/);
});

test("differences name airports on either side only", () => {
  const [one, two] = [airportsOf([flight("DTW", 1)]), airportsOf([flight("HNL", 1)])];
  assert.deepEqual(
    differencesOf(one, two).map((line) => line.slice(0, 3)),
    ["HNL", "DTW"],
  );
  assert.deepEqual(differencesOf(one, airportsOf([flight("DTW", 1)])), []);
});
