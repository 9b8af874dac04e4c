import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  disorderOf,
  type End,
  type History,
  historiesOf,
  overlapsOf,
  repeatsOf,
  unexplainedOf,
} from "../../examples/import/history.ts";
import { makeImports, nameOf } from "../../examples/import/imports.ts";
import type { Import, ImportEvent } from "../../examples/import/run.ts";
import { runExample } from "./example-process.ts";

test("S7.9 example imports files in steps through kills and deploys, and leaves nothing behind", {
  timeout: 180_000,
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-example-"));
  t.after(() => rm(directory, { recursive: true }));
  const environment = { OTTLA_EXAMPLE_QUICK: "1", TMPDIR: directory, TEMP: directory };
  const { code, output, errors } = await runExample("import/main.ts", environment);
  assert.equal(code, 0, output + errors);
  assert.equal(errors, "");
  assert.match(output, /✓ ended once: each of the 8 imports/);
  assert.match(output, /✓ in order, none left out: the 1,200 rows/);
  assert.match(output, /✓ processed again: \d+ rows, all of killed workers/);
  assert.match(output, /✓ added up as a plain loop does it/);
  assert.equal(output.match(/was redeployed \(SIGTERM\) +0 rows again$/gm)?.length, 3, output);
  assert.equal(output.match(/was killed \(SIGKILL\) +\d+ rows? again/gm)?.length, 2, output);
  for (const unwanted of ["✗", "\r", "\x1b"]) assert.ok(!output.includes(unwanted), output);
  assert.deepEqual(
    output.split("\n").filter((line) => line.length > 90),
    [],
  );
  assert.deepEqual(await readdir(directory), []);
});

const FILES: readonly Import[] = [
  { id: "Ada 1", user: "ada", from: 0, to: 3 },
  { id: "Ada 2", user: "ada", from: 3, to: 5 },
];

/** "A 1 begun 0", "A 1 row 2", "A 1 finished": worker, file, what. */
function historyOf(...texts: readonly string[]): History[] {
  const events = texts.map((text, at): ImportEvent => {
    const [worker, file, event, number] = text.split(" ") as [string, string, string, string?];
    const own = { worker, at, id: `Ada ${file}` };
    if (event === "begun") return { ...own, event, cursor: Number(number) };
    return event === "row" ? { ...own, event, row: Number(number) } : { ...own, event: "finished", cost: 0 };
  });
  return historiesOf(FILES, events);
}

const SECOND = ["B 2 begun 0", "B 2 row 0", "B 2 row 1", "B 2 finished"];
const KILLED: readonly End[] = [{ kind: "kill", worker: "A", at: 3 }];

test("example's check knows what a killed worker's rows come to, and what they do not", () => {
  const [first, , ...rest] = ["A 1 begun 0", "", "A 1 row 0", "A 1 row 1", "B 1 begun 1", "B 1 row 1", "B 1 row 2"];
  const good = historyOf(first!, ...rest, "B 1 finished", ...SECOND);
  assert.deepEqual([disorderOf(good), overlapsOf(good)], [[], []]);
  assert.deepEqual(good.flatMap(repeatsOf), [{ id: "Ada 1", worker: "A", rows: 1, span: 0 }]);
  assert.deepEqual(unexplainedOf(good, KILLED), []);
  assert.deepEqual(unexplainedOf(good, [{ ...KILLED[0]!, kind: "redeploy" }]), [
    "Ada 1: 1 rows of worker A, which was not killed",
  ]);

  const gap = historyOf(first!, "A 1 row 0", "B 1 begun 2", "B 1 row 2", "B 1 finished", ...SECOND);
  assert.deepEqual(disorderOf(gap), ["Ada 1: worker B began at row 2, though only 1 were done"]);
  const swapped = historyOf(first!, "A 1 row 1", "A 1 row 0", "A 1 row 2", "A 1 finished", ...SECOND);
  assert.deepEqual(disorderOf(swapped), ["Ada 1: worker A processed row 1 out of its turn"]);
  const short = historyOf(first!, "A 1 row 0", "A 1 finished", ...SECOND);
  assert.deepEqual(disorderOf(short), ["Ada 1: 1 of 3 rows were processed"]);
  const early = historyOf(first!, ...rest, "B 2 begun 0", "B 2 row 0", "B 2 row 1", "B 1 finished", "B 2 finished");
  assert.deepEqual(overlapsOf(early), ["Ada 2 began before Ada 1 had ended"]);
});

test("example's files are an airline's strikes, one after the other", () => {
  const imports = makeImports(3, 101);
  assert.deepEqual(
    imports.map(({ id, from, to }) => [id, from, to]),
    ["American", "US Airways", "Delta"].flatMap((name) => [
      [`${name} 1`, 0, 50],
      [`${name} 2`, 50, 101],
    ]),
  );
  assert.equal(nameOf("UPS AIRLINES"), "UPS");
});
