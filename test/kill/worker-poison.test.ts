import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { checkLedger } from "../support/check-ledger.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { FaultRun, GRACES } from "./fault-run.ts";
import { faultSite, IS_LONG, PROTOCOLS } from "./fault-site.ts";
import { figures, miscounted, rerunsAfterRelease } from "./run-checks.ts";
import { freezeWaiting, HURTS } from "./worker-hurt.ts";

const JOBS = 20;
/** Where the jobs of each partition are that always fail. */
const PLACES: readonly (readonly number[])[] = [
  [0],
  [JOBS / 2],
  [JOBS - 1],
  [0, 1, JOBS / 2, JOBS / 2 + 1, JOBS - 2, JOBS - 1],
  Array.from({ length: JOBS }, (_, i) => i),
  [],
];
const MAX_RETRIES = 2;
const WORKERS = 2;
const TIMEOUT = 600_000;

const places = (entries: readonly LedgerEntry[], what: "dead" | "enqueued"): string[] =>
  entries.flatMap((entry) => (entry.what === what ? [`${entry.partition}/${entry.offset}`] : []));

/** Enqueues the jobs of every partition, in the order of their places. */
async function fill(run: FaultRun): Promise<void> {
  for (let i = 0; i < JOBS; i++) {
    await run.enqueue(
      PLACES.map((poison, partition) => ({
        ...{ key: run.keyOf(partition), takes: 5 },
        ...(poison.includes(i) ? { does: "fail" as const } : {}),
      })),
    );
  }
}

async function begin(
  t: TestContext,
  groupProtocol: GroupProtocol,
  options: { maxRetries?: number },
): Promise<FaultRun> {
  return new FaultRun(await faultSite(t), { groupProtocol, partitions: PLACES.length, ...options });
}

async function end(t: TestContext, run: FaultRun): Promise<LedgerEntry[]> {
  await run.drained();
  await run.crew.dismissAll();
  const entries = await run.ledger();
  t.diagnostic(figures(entries));
  assert.deepEqual(checkLedger(entries, GRACES), []);
  assert.deepEqual(rerunsAfterRelease(entries), []);
  assert.deepEqual(miscounted(entries, run.poison), []);
  return entries;
}

for (const groupProtocol of IS_LONG ? PROTOCOLS : PROTOCOLS.slice(0, 1)) {
  const what = `S4.4-5 jobs that always fail, at any place, are dead letters in order, and all others run (${groupProtocol})`;
  test(what, { timeout: TIMEOUT }, async (t) => {
    const run = await begin(t, groupProtocol, { maxRetries: MAX_RETRIES });
    try {
      await run.start(WORKERS);
      await fill(run);
      for (const hurt of IS_LONG ? [HURTS.kill!, freezeWaiting, HURTS.roll!] : []) {
        await hurt(run);
        await fill(run);
      }
      const entries = await end(t, run);
      assert.deepEqual(places(entries, "dead").sort(), [...run.poison].sort());
      const letters = await run.letters();
      for (const partition of PLACES.keys()) {
        const own = letters.filter((letter) => letter.partition === partition);
        assert.ok(own.every(({ origin }) => origin!.partition === partition));
        const offsets = own.map(({ origin }) => origin!.offset);
        assert.deepEqual(
          offsets,
          offsets.toSorted((a, b) => a - b),
        );
      }
      const last = new Map(
        entries.flatMap((entry) => (entry.what === "start" ? [[`${entry.partition}/${entry.offset}`, entry]] : [])),
      );
      for (const place of run.poison) assert.equal(last.get(place)!.attempt, MAX_RETRIES + 1, place);
    } finally {
      await run.close();
    }
  });
}

for (const groupProtocol of IS_LONG ? PROTOCOLS : PROTOCOLS.slice(-1)) {
  const what = `S4.1 a job that always fails holds its partition alone, until a deploy brings what runs it (${groupProtocol})`;
  test(what, { timeout: TIMEOUT }, async (t) => {
    const run = await begin(t, groupProtocol, {});
    const firsts = PLACES.map((poison) => poison[0] ?? JOBS);
    try {
      await run.start(WORKERS);
      await fill(run);
      await blocked(run, firsts, 3);
      if (IS_LONG) {
        await HURTS.kill!(run);
        await blocked(run, firsts, 2);
        await freezeWaiting(run);
        await blocked(run, firsts, 2);
      }
      const old = run.crew.living;
      for (const by of old) {
        run.crew.hire({ isFixed: true });
        await run.crew.dismiss(by);
      }
      const entries = await end(t, run);
      assert.deepEqual(places(entries, "dead"), []);
    } finally {
      await run.close();
    }
  });
}

/** Resolves once each first poison has failed so often from now on, and all before it is committed, and nothing else. */
async function blocked(run: FaultRun, firsts: readonly number[], failures: number): Promise<void> {
  const { notes } = run.crew;
  const failed = (partition: number): number =>
    notes.read().filter((note) => {
      return note.what === "end" && note.partition === partition && note.offset === firsts[partition];
    }).length;
  const before = firsts.map((_, partition) => failed(partition));
  await run.crew.until(
    () => `the first that fails of each partition fails ${failures} times`,
    () => firsts.every((first, partition) => first === JOBS || failed(partition) >= before[partition]! + failures),
  );
  const behind = firsts.map((first) => JOBS - first);
  let lag: (number | undefined)[] = [];
  await run.crew.until(
    () => `the lag is ${behind}, not ${lag}`,
    async () => {
      lag = await run.lag();
      return lag.every((each, partition) => each === behind[partition]);
    },
  );
}
