import type { Clock, Timer } from "../net/clock.ts";
import type { EventHub } from "./events.ts";
import type { FinishingMove, MoveSource, Moves } from "./moves.ts";

/** A partition of which jobs make progress that is to outlive this process. */
export interface SavedPartition {
  readonly source: MoveSource;
  readonly isDirty: boolean;
  readonly saving: FinishingMove & { failed(): void };
}

/** More often than that (ms) nothing is saved, whatever the interval: each time is a transaction. */
const SHORTEST_INTERVAL = 1_000;

/**
 * Saves, every so often, how far jobs have got while they run (S7.9): those of all partitions in one transaction, so that
 * many jobs cost no more than one does.
 */
export class ProgressSaver {
  readonly #clock: Clock;
  readonly #moves: Moves;
  readonly #interval: number;
  readonly #events: EventHub;
  readonly #partitions = new Set<SavedPartition>();
  #timer: Timer | undefined;
  #isSaving = false;
  /** They could not be saved together: one may be why, and must not keep the others from it. */
  #isApart = false;

  /** `interval`: milliseconds. */
  constructor(clock: Clock, moves: Moves, interval: number, events: EventHub) {
    this.#clock = clock;
    this.#moves = moves;
    this.#interval = Math.max(SHORTEST_INTERVAL, interval);
    this.#events = events;
  }

  /** Something of the partition is to be saved at the next interval. */
  touch(partition: SavedPartition): void {
    this.#partitions.add(partition);
    this.#schedule(this.#interval);
  }

  remove(partition: SavedPartition): void {
    if (!this.#partitions.delete(partition) || this.#partitions.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(ms: number): void {
    if (this.#isSaving || this.#partitions.size === 0) return;
    this.#timer ??= this.#clock.timer(ms, () => {
      this.#timer = undefined;
      void this.#save();
    });
  }

  async #save(): Promise<void> {
    const due = [...this.#partitions].filter(({ isDirty }) => isDirty);
    this.#partitions.clear();
    this.#isSaving = true;
    const groups = this.#isApart ? due.map((each) => [each]) : due.length === 0 ? [] : [due];
    let hasFailed = false;
    for (const group of groups) hasFailed = !(await this.#saveTogether(group)) || hasFailed;
    this.#isSaving = false;
    this.#isApart = hasFailed && !this.#isApart;
    this.#schedule(hasFailed ? SHORTEST_INTERVAL : this.#interval);
  }

  async #saveTogether(group: readonly SavedPartition[]): Promise<boolean> {
    const parts = group.map((partition) => ({ partition, saving: partition.saving }));
    try {
      await this.#moves.moveTogether(parts.map(({ partition, saving }) => ({ source: partition.source, ...saving })));
      // One whose turn did not come was left out.
      this.#keepDirty(group);
      return true;
    } catch (error) {
      for (const { saving } of parts) saving.failed();
      this.#keepDirty(group);
      const place = group.length === 1 ? { topic: group[0]!.source.topic, partition: group[0]!.source.partition } : {};
      this.#events.emit("error", { error, during: "saving how far jobs have got", ...place });
      return false;
    }
  }

  #keepDirty(group: readonly SavedPartition[]): void {
    for (const partition of group) if (partition.isDirty) this.#partitions.add(partition);
  }
}
