import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openFileStorage } from "../../src/broker/file-storage.ts";
import { lockFolder } from "../../src/broker/folder-lock.ts";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";

function folderFor(t: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "ottla-storage-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.of(...values);

test("file storage appends, reads, cuts and finds files again", (t) => {
  const folder = folderFor(t);
  const first = openFileStorage(folder, "1");
  const file = first.open("a/b/c.log");
  file.append(bytes(1, 2, 3));
  file.append(bytes(4));
  assert.deepEqual(file.read(1, 3), bytes(2, 3, 4));
  assert.throws(() => file.read(2, 3), {
    code: "UNAVAILABLE",
    message: /c\.log cannot be used: it ends before byte 5/,
  });
  file.truncate(2);
  file.append(bytes(9));
  first.close();
  const second = openFileStorage(folder, "2");
  assert.deepEqual(second.list("a/b"), ["c.log"]);
  assert.deepEqual(second.list("nowhere"), []);
  const again = second.open("a/b/c.log");
  assert.equal(again.size, 3);
  assert.deepEqual(again.read(0, 3), bytes(1, 2, 9));
  second.replace("a/b/c.log", bytes(7));
  assert.deepEqual(
    second.open("a/b/c.log").read(0, 1),
    bytes(7),
    "a replaced file is not read through its old descriptor",
  );
  assert.deepEqual(second.list("a/b"), ["c.log"], "nothing temporary is left");
  second.remove("a");
  second.remove("a");
  assert.deepEqual(second.list("a"), []);
  second.close();
});

test("file storage writes to more files than it keeps open", (t) => {
  const storage = openFileStorage(folderFor(t), "1");
  const files = Array.from({ length: 600 }, (_, i) => storage.open(`${i}.log`));
  for (let round = 0; round < 2; round++) for (const [i, file] of files.entries()) file.append(bytes(i & 255, round));
  for (const [i, file] of files.entries()) assert.deepEqual(file.read(0, 4), bytes(i & 255, 0, i & 255, 1));
  storage.close();
});

test("a folder that cannot be one is named", (t) => {
  const path = join(folderFor(t), "file");
  writeFileSync(path, "");
  assert.throws(() => openFileStorage(path, "1"), {
    name: "StorageError",
    code: "UNAVAILABLE",
    message: /file cannot be used/,
  });
});

test("a folder is used by one at a time, in this process too", (t) => {
  const folder = folderFor(t);
  const unlock = lockFolder(folder, "1");
  assert.throws(() => lockFolder(folder, "2"), { code: "LOCKED", message: /is used by process \d+: stop it/ });
  unlock();
  lockFolder(folder, "3")();
  assert.deepEqual(readdirSync(folder), []);
});

test("a living process's lock is respected, a killed one's is taken over", async (t) => {
  const folder = folderFor(t);
  const script = fileURLToPath(new URL("../support/hold-folder.ts", import.meta.url));
  const child = spawn(process.execPath, [...RUNTIME_ARGUMENTS, script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => void child.kill("SIGKILL"));
  const ended = once(child, "close");
  await once(child.stdout, "data");
  assert.throws(() => lockFolder(folder, "2"), { code: "LOCKED", message: new RegExp(`process ${child.pid}`) });
  child.kill("SIGKILL");
  await ended;
  assert.ok(existsSync(join(folder, "lock")), "it left its lock");
  lockFolder(folder, "3")();
});

test("a lock that another process with the same id left, or that was never whole, is taken over", (t) => {
  const folder = folderFor(t);
  for (const left of [JSON.stringify({ pid: process.pid, started: "another boot", id: "1" }), '{"pid":', ""]) {
    writeFileSync(join(folder, "lock"), left);
    const unlock = lockFolder(folder, "2");
    assert.match(readFileSync(join(folder, "lock"), "utf8"), /"id":"2"/);
    unlock();
  }
  const parent = { pid: process.ppid, started: "another boot", id: "1" };
  writeFileSync(join(folder, "lock"), JSON.stringify(parent));
  if (existsSync(`/proc/${process.ppid}/stat`)) lockFolder(folder, "2")();
  else assert.throws(() => lockFolder(folder, "2"), { code: "LOCKED" });
});
