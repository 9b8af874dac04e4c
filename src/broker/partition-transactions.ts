import type { AbortedTransaction } from "../../protocol/messages/01-fetch.ts";
import { type ProducerId, parseProducerId } from "../../protocol/producer-id.ts";
import type { JournalValue } from "./journal-value.ts";

/** A transaction that was aborted on a partition, from its first record to its marker. */
interface AbortedRange {
  readonly producerId: ProducerId;
  readonly firstOffset: number;
  readonly markerOffset: number;
  /** Everything before it was decided when this one was: what ended later has no record below it. */
  readonly stableOffset: number;
}

/** The transactions on one partition: which are open, and which were aborted, as readers of committed records need it. */
export class PartitionTransactions {
  /** The first offset of each open transaction by its producer, in the order of offsets. */
  readonly #open = new Map<ProducerId, number>();
  /** In the order of their markers. */
  #aborted: AbortedRange[] = [];

  /** The first offset of the oldest open transaction: nothing from there on is decided. */
  get firstOpenOffset(): number | undefined {
    return this.#open.values().next().value;
  }
  isOpen(producerId: ProducerId): boolean {
    return this.#open.has(producerId);
  }
  /** Where the producer's open transaction begins. */
  openSince(producerId: ProducerId): number | undefined {
    return this.#open.get(producerId);
  }

  /** A transactional batch was appended. */
  appended(producerId: ProducerId, baseOffset: number): void {
    if (!this.#open.has(producerId)) this.#open.set(producerId, baseOffset);
  }

  /** A marker was appended. One without records before it is of no consequence. */
  ended(producerId: ProducerId, committed: boolean, markerOffset: number): void {
    const firstOffset = this.#open.get(producerId);
    if (firstOffset === undefined) return;
    this.#open.delete(producerId);
    if (committed) return;
    const stableOffset = this.firstOpenOffset ?? markerOffset + 1;
    this.#aborted.push({ producerId, firstOffset, markerOffset, stableOffset });
  }

  /** All that were aborted and have not been deleted. */
  get aborted(): readonly AbortedTransaction[] {
    return this.#aborted;
  }
  /** Forgets the aborted transactions whose markers were compacted away: there is nothing to be left out. */
  forgetMarkers(offsets: ReadonlySet<number>): void {
    this.#aborted = this.#aborted.filter(({ markerOffset }) => !offsets.has(markerOffset));
  }
  /** The snapshots of chunks that become one, without the markers that are gone. */
  static merged(snapshots: readonly JournalValue[], gone: ReadonlySet<number>): JournalValue {
    const all = snapshots as unknown as readonly {
      readonly open: unknown;
      readonly aborted: readonly AbortedRange[];
    }[];
    const aborted = all.flatMap((one) => one.aborted.filter(({ markerOffset }) => !gone.has(markerOffset)));
    return { open: all.at(-1)!.open, aborted } as unknown as JournalValue;
  }

  /** Aborted transactions that have a record or their marker at `from` or later, and a record before `to`. */
  abortedIn(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let i = this.#firstEndingAt(from); i < this.#aborted.length; i++) {
      const { producerId, firstOffset, stableOffset } = this.#aborted[i]!;
      if (firstOffset < to) found.push({ producerId, firstOffset });
      if (stableOffset >= to) break;
    }
    return found;
  }

  /** The index of the first one whose marker is at `offset` or later. */
  #firstEndingAt(offset: number): number {
    let low = 0;
    let high = this.#aborted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#aborted[middle]!.markerOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The records below `offset` are gone. */
  deleteBefore(offset: number): void {
    this.#aborted = this.#aborted.slice(this.#firstEndingAt(offset));
  }

  /** What a start needs not to read the log for: of those that were aborted, only what ended at `from` or later. */
  snapshot(from: number): JournalValue {
    const aborted = this.#aborted.slice(this.#firstEndingAt(from));
    return {
      open: [...this.#open].map(([producerId, firstOffset]) => [String(producerId), firstOffset]),
      aborted: aborted.map((range) => ({ ...range, producerId: String(range.producerId) })),
    };
  }
  /** The next snapshot, in the order of their chunks: the last one's open transactions are those that are open. */
  restore(snapshot: JournalValue): void {
    const { open, aborted } = snapshot as unknown as {
      open: [string, number][];
      aborted: (AbortedRange & { readonly producerId: string })[];
    };
    this.#open.clear();
    for (const [producerId, firstOffset] of open) this.#open.set(parseProducerId(producerId), firstOffset);
    for (const range of aborted) this.#aborted.push({ ...range, producerId: parseProducerId(range.producerId) });
  }

  /** Forgets everything: the log is about to be told anew. */
  clear(): void {
    this.#open.clear();
    this.#aborted = [];
  }
}
