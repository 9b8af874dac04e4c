import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runExample } from "./example-process.ts";

const PATIENT = { timeout: 120_000 };
const QUICK = { OTTLA_EXAMPLE_QUICK: "1" };

test("example runs flights in order through a kill, and leaves nothing behind", PATIENT, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-example-"));
  t.after(() => rm(directory, { recursive: true }));
  const { code, output, errors } = await runExample("main.ts", { ...QUICK, TMPDIR: directory, TEMP: directory });
  assert.equal(code, 0, output + errors);
  assert.equal(errors, "");
  assert.match(output, /✓ no job lost: all 2,000 have ended/);
  assert.match(output, /✓ order held for all 153 airports/);
  assert.match(output, /✓ state equal to that of a plain loop over the file, for all 153 airports/);
  assert.match(output, /▼ [A-C] killed/);
  for (const unwanted of ["✗", "\r", "\x1b"]) assert.ok(!output.includes(unwanted), output);
  const long = output.split("\n").filter((line) => line.length > 80);
  assert.deepEqual(long, []);
  assert.deepEqual(await readdir(directory), []);
});

test("example ends at Ctrl-C with its workers and files", PATIENT, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-example-"));
  t.after(() => rm(directory, { recursive: true }));
  const environment = { ...QUICK, TMPDIR: directory, TEMP: directory };
  const { code, output, errors } = await runExample("main.ts", environment, (line, kill) => {
    // Once: a second one would not wait for the cleanup.
    if (line.startsWith("Workers")) kill("SIGINT");
  });
  assert.equal(code, 1, output);
  assert.equal(errors, "\ninterrupted by SIGINT\n");
  assert.doesNotMatch(output, /jobs in/);
  assert.deepEqual(await readdir(directory), []);
});

test("example says so when no broker answers", PATIENT, async () => {
  const { code, errors } = await runExample("main.ts", { ...QUICK, KAFKA_BROKERS: "127.0.0.1:1" });
  assert.equal(code, 1);
  assert.match(errors, /no Kafka broker could be reached: 127\.0\.0\.1:1/);
  assert.match(errors, /Without KAFKA_BROKERS, the example brings its own broker/);
  assert.doesNotMatch(errors, /^\s+at /m);
});
