import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { endLeftOver } from "./left-over.ts";

test("what a run that was killed has left is ended: frozen workers and brokers, and no process that only has such an id", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ottla-chaos-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const workers = join(folder, "workers");
  for (const path of [workers, join(folder, "cluster")]) mkdirSync(path);
  const notes = join(workers, "w0.jsonl");
  writeFileSync(notes, "");
  // Its command line names the folder, as a worker's does.
  const frozen = spawn("tail", ["-f", notes], { stdio: "ignore" });
  await once(frozen, "spawn");
  const ended = once(frozen, "exit");
  process.kill(frozen.pid!, "SIGSTOP");
  writeFileSync(join(workers, `${frozen.pid}.pid`), workers);
  writeFileSync(join(workers, `${process.pid}.pid`), workers);
  const script = join(folder, "script");
  writeFileSync(script, `echo "$@" > ${folder}/called`);
  await endLeftOver(folder, script);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  assert.equal(existsSync(workers), false);
  assert.equal(readFileSync(join(folder, "called"), "utf8"), `stop --dir ${join(folder, "cluster")}\n`);
});

test("nothing is ended in a folder in which nothing has been", async () => {
  await endLeftOver(join(tmpdir(), "ottla-chaos-none"), "/no/such/script");
});
