import type { AbortedTransaction } from "../../protocol/messages/01-fetch.ts";
import type { ProducerId } from "../../protocol/producer-id.ts";
import { type BatchHeader, isTransactional, lastOffsetOf } from "../../protocol/record-batch.ts";
import type { TransactionMarker } from "../../protocol/transaction-marker.ts";

/**
 * Follows the transactions of a log while it is compacted from its start: what an aborted one wrote goes, and a marker
 * is needed as long as there is anything before it that it decides about.
 */
export class CleanedTransactions {
  /** Not yet reached, in the order of their first offsets. */
  readonly #coming: AbortedTransaction[];
  /** Aborted transactions that have begun, and whether there was a batch of theirs. */
  readonly #aborted = new Map<ProducerId, { hasData: boolean }>();
  /** Producers with a batch of a transaction that is not aborted. */
  readonly #committed = new Set<ProducerId>();

  /** `aborted`: all transactions of the log that were. */
  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  #reach(offset: number): void {
    while (this.#coming.length > 0 && this.#coming[0]!.firstOffset <= offset) {
      this.#aborted.set(this.#coming.shift()!.producerId, { hasData: false });
    }
  }

  /** Whether a batch of data belongs to an aborted transaction. */
  isAborted(header: BatchHeader): boolean {
    this.#reach(lastOffsetOf(header));
    if (!isTransactional(header)) return false;
    const aborted = this.#aborted.get(header.producerId);
    if (aborted === undefined) this.#committed.add(header.producerId);
    else aborted.hasData = true;
    return aborted !== undefined;
  }

  /** Whether a marker decides about nothing that is left. */
  isIdle(header: BatchHeader, { producerId, committed }: Pick<TransactionMarker, "producerId" | "committed">): boolean {
    this.#reach(lastOffsetOf(header));
    if (committed) return !this.#committed.delete(producerId);
    const aborted = this.#aborted.get(producerId);
    this.#aborted.delete(producerId);
    return aborted?.hasData !== true;
  }
}
