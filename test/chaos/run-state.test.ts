import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { madeRound } from "./made-round.ts";
import { playedOf, RunState, readLines } from "./run-state.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "ottla-chaos-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a run's state goes on where it was", (t) => {
  const path = folder(t);
  const first = new RunState(join(path, "new"));
  assert.deepEqual([first.seed, first.next, first.rounds], [undefined, 1, []]);
  first.begin(1, 7);
  first.add(madeRound(1));
  const second = new RunState(join(path, "new"));
  assert.deepEqual([second.seed, second.next], [7, 2]);
  assert.deepEqual(second.rounds, [madeRound(1)]);
});

test("a round that was being played when its process died is broken off, and the next one is another", (t) => {
  const path = folder(t);
  const first = new RunState(path);
  first.begin(1, 7);
  first.add(madeRound(1));
  first.begin(2, 7);
  const second = new RunState(path);
  assert.deepEqual(second.rounds[1], { round: 2, seed: 7, broken: "killed" });
  assert.deepEqual([second.next, second.seed, playedOf(second.rounds).length], [3, 7, 1]);
  assert.equal(new RunState(path).rounds.length, 2, "once");
});

test("a round whose line was written before its process died is over", (t) => {
  const path = folder(t);
  const state = new RunState(path);
  state.begin(1, 7);
  state.add(madeRound(1));
  state.begin(1, 7);
  assert.deepEqual(new RunState(path).rounds, [madeRound(1)]);
  assert.deepEqual(new RunState(path).rounds, [madeRound(1)]);
});

test("a torn last line is dropped at any byte, and what comes later is whole", (t) => {
  const line = `${JSON.stringify({ round: 2, seed: 7, broken: "stopped" })}\n`;
  for (let end = 0; end < line.length - 1; end++) {
    const path = folder(t);
    writeFileSync(join(path, "rounds.jsonl"), `${JSON.stringify(madeRound(1))}\n${line.slice(0, end)}`);
    const state = new RunState(path);
    assert.deepEqual(state.rounds, [madeRound(1)]);
    state.add({ round: 2, seed: 7, broken: "stopped" });
    assert.equal(readLines(readFileSync(join(path, "rounds.jsonl"), "utf8")).length, 2);
  }
  // Only its end is missing.
  assert.equal(readLines(line.slice(0, -1)).length, 1);
});

test("a torn mark of the round that begins means that none had begun", (t) => {
  const path = folder(t);
  writeFileSync(join(path, "current.json"), '{"round":');
  assert.deepEqual(new RunState(path).rounds, []);
});

test("a line that is no round is refused by its number, and the file stays as it is", (t) => {
  const path = folder(t);
  const text = `${JSON.stringify(madeRound(1))}\nno round\n${JSON.stringify(madeRound(3))}\n`;
  writeFileSync(join(path, "rounds.jsonl"), text);
  assert.throws(() => new RunState(path), /rounds\.jsonl, line 2: this is no round/);
  assert.equal(readFileSync(join(path, "rounds.jsonl"), "utf8"), text);
});
