import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { startBroker } from "ottla/broker";
import { type DeployForm, rollingDeploy, type SeenNote } from "./deploy-run.ts";

const TIMEOUT = 240_000;
const RECORDS = Array.from({ length: 300 }, (_, i) => i);
const IMPORTS = [0, 1, 2, 3, 4, 5];

const FORMS: readonly DeployForm[] = [
  { name: "immediate", isOrdered: false, wait: 0 },
  { name: "delayed 5 s", isOrdered: false, wait: "5s" },
  { name: "partitioned per user and held", isOrdered: true, wait: 0 },
  { name: "partitioned per user and not held", isOrdered: true, wait: 0, hold: false },
];

for (const form of FORMS) {
  test(`S7.8 an import of three steps through a rolling deploy: ${form.name}`, { timeout: TIMEOUT }, async (t) => {
    const given = process.env.KAFKA_BROKERS;
    let brokers = given?.split(",");
    if (brokers === undefined || given === "") {
      const broker = await startBroker({ port: 0, minSessionTimeout: 1_000 });
      t.after(() => broker.close());
      brokers = [broker.address];
    }
    const notes = await rollingDeploy(brokers, form);
    const interruptions = notes.filter(({ what }) => what === "interrupted").length;
    t.diagnostic(`${interruptions} interruptions, ${notes.filter(({ what }) => what === "part").length} parts`);
    assert.ok(interruptions > 0, "nothing was interrupted");
    for (const importId of IMPORTS) checkImport(notes, importId);
    checkLater(notes, form);
  });
}

/** Nothing twice, all in order, in one partition. */
function checkImport(all: readonly SeenNote[], importId: number): void {
  const notes = all.filter((note) => "importId" in note && note.importId === importId);
  const what = (kind: SeenNote["what"]): number => notes.filter((note) => note.what === kind).length;
  assert.deepEqual([what("validate"), what("finalize")], [1, 1], `import ${importId}`);
  const records = notes.flatMap((note) => (note.what === "record" ? [note.record] : []));
  assert.deepEqual(records, RECORDS, `import ${importId}`);
  assert.ok(what("part") >= 2, "finalize has a run of its own");
  const partitions = new Set(notes.flatMap((note) => ("partition" in note ? [note.partition] : [])));
  assert.equal(partitions.size, 1, `parts of import ${importId} in partitions ${[...partitions]}`);
}

/** Whether later jobs of a user overtake what is left of the import. */
function checkLater(all: readonly SeenNote[], { isOrdered, hold }: DeployForm): void {
  const isHeld = isOrdered && hold !== false;
  let overtaken = 0;
  for (const importId of IMPORTS) {
    const end = all.find((note) => note.what === "finalize" && note.importId === importId)!.at;
    const later = all.filter((note) => note.what === "later" && note.userId === `user-${importId}`);
    assert.deepEqual(isOrdered ? later.map((note) => (note.what === "later" ? note.n : -1)) : [0, 1, 2], [0, 1, 2]);
    if (later.some(({ at }) => at < end)) overtaken++;
    if (isHeld)
      assert.ok(
        later.every(({ at }) => at > end),
        `later jobs of user-${importId} overtook its import`,
      );
  }
  if (!isHeld) assert.ok(overtaken > 0, "what is left of an import goes behind later jobs");
}
