import assert from "node:assert/strict";
import { test } from "node:test";
import { captured } from "./flights.ts";

const FULL = "█".repeat(24);

test("terminal colours only for people who want it", () => {
  const paint = (environment: Record<string, string>, isTTY: boolean): string =>
    captured(environment, { isTTY }).terminal.paint("red", "x");
  assert.equal(paint({}, true), "\x1b[31mx\x1b[39m");
  assert.equal(paint({ NO_COLOR: "" }, true), "\x1b[31mx\x1b[39m", "an empty NO_COLOR says nothing");
  assert.equal(paint({ NO_COLOR: "1" }, true), "x");
  assert.equal(paint({ TERM: "dumb" }, true), "x");
  assert.equal(paint({}, false), "x");
});

test("progress is drawn in place on a terminal, and lines do not run into it", () => {
  const { terminal, written } = captured({}, { isTTY: true, columns: 80 });
  terminal.progress("Running", 0.5, "5 jobs");
  terminal.print("Kill");
  terminal.progress("Running", 1, "10 jobs");
  terminal.print("Done");
  assert.deepEqual(written, [
    `\r\x1b[KRunning   ${"█".repeat(12)}${"░".repeat(12)} 5 jobs`,
    "\r\x1b[KKill\n",
    `\r\x1b[KRunning   ${FULL} 10 jobs\n`,
    "Done\n",
  ]);
});

test("progress in a log is a line for each quarter, with nothing that moves the cursor", () => {
  const { terminal, written } = captured();
  for (const label of ["Enqueuing", "Running"]) {
    for (let done = 0; done <= 100; done++) terminal.progress(label, done / 100, `${done} jobs`);
  }
  assert.deepEqual(
    written.map((line) => line.replace(/[█░]+ /, "")),
    ["Enqueuing", "Running"].flatMap((label) => [25, 50, 75, 100].map((done) => `${label.padEnd(9)} ${done} jobs\n`)),
  );
});

test("progress never wraps", () => {
  const { terminal, written } = captured({}, { isTTY: true, columns: 60 });
  terminal.progress("Running", 0.5, "x".repeat(100));
  assert.equal(written[0]!.length, "\r\x1b[K".length + 59);
});
