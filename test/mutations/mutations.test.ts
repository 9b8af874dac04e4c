import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { MUTATIONS } from "./mutations.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("each bug can be planted, and is in the table of docs/mutations.md with what catches it", () => {
  const rows = read("docs/mutations.md");
  for (const { bug, breaks, file, find, put, caughtBy } of MUTATIONS) {
    assert.equal(read(file).split(find).length, 2, `${file} has this once: ${find}`);
    assert.notEqual(find, put);
    assert.ok(rows.includes(`| ${bug} `), `${bug}: run npm run mutate`);
    assert.ok(breaks.length > 0);
    if (caughtBy !== undefined) assert.ok(existsSync(new URL(`../${caughtBy}`, import.meta.url)), caughtBy);
  }
  assert.doesNotMatch(rows, /\| nothing +\|/);
});

test("there is a bug for each sentence of S8", () => {
  const broken = new Set(MUTATIONS.flatMap(({ breaks }) => breaks));
  for (let n = 1; n <= 12; n++) assert.ok(broken.has(`S8.${n}`), `S8.${n}`);
});
