import assert from "node:assert/strict";
import { test } from "node:test";
import { EventHub } from "../../src/jobs/events.ts";
import type { FinishingMove, MoveSource, Moves } from "../../src/jobs/moves.ts";
import { ProgressSaver, type SavedPartition } from "../../src/jobs/progress-saver.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { QUIET } from "../support/quiet-logger.ts";

/** A partition whose jobs have got further than is saved, until its records are asked for. */
function partition(name: string): SavedPartition & { isDirty: boolean } {
  const state = {
    isDirty: true,
    source: { topic: name, partition: 0 } as MoveSource,
    get saving() {
      const records = (): [] => {
        state.isDirty = false;
        return [];
      };
      return { records, failed: () => {}, move: {} as FinishingMove["move"] };
    },
  };
  return state;
}

test("S7.9 a partition whose turn did not come is saved the next time", async () => {
  const clock = new VirtualClock(1);
  const saved: string[][] = [];
  let isBusy = true;
  const moves = {
    async moveTogether(parts: readonly (FinishingMove & { readonly source: MoveSource })[]) {
      const made = parts.filter(({ source }) => !isBusy || source.topic !== "busy");
      for (const { records } of made) records();
      saved.push(made.map(({ source }) => source.topic));
    },
  } as unknown as Moves;
  const saver = new ProgressSaver(clock.instance(), moves, 5_000, new EventHub(QUIET));
  for (const name of ["free", "busy"]) saver.touch(partition(name));
  await clock.advance(5_000);
  isBusy = false;
  await clock.advance(5_000);
  assert.deepEqual(saved, [["free"], ["busy"]]);
});
