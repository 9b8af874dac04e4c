import { backoffDelay } from "../client/backoff.ts";
import { ErrorCode } from "../client/error-code.ts";
import { KafkaError, ProtocolError } from "../client/errors.ts";
import type { GroupMember } from "../client/group-member.ts";
import { commitOffsets, type OffsetToCommit } from "../client/group-offsets.ts";
import { partitionKey } from "../client/topic-partition.ts";
import type { Clock, Timer } from "../net/clock.ts";

/** Whose marks are committed. */
export interface CommitSource {
  readonly topic: string;
  readonly partition: number;
  /** What to commit now: asked when the request is built, so that it holds all that is finished then. */
  commitNow(): OffsetToCommit;
  /** The commit can never succeed as it is. */
  commitRefused(error: KafkaError): void;
}

interface Chain {
  readonly source: CommitSource;
  /** What Kafka is known to have. */
  sent: Pick<OffsetToCommit, "offset" | "metadata"> | undefined;
  unresolved: boolean;
  failures: number;
  /** Told once nothing is left to commit. */
  waiting: (() => void)[];
}

const RETRY_BACKOFF: { readonly initial: number; readonly max: number } = { initial: 100, max: 1_000 };

/**
 * Takes marks to Kafka. Each partition has its own chain, in which at most one commit has no answer yet; one request
 * carries the commits of every partition that is due. A commit whose fate is unknown is sent again: it says where the
 * partition stands, so saying it twice does no harm.
 */
export class Committer {
  readonly #group: GroupMember;
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #chains = new Map<string, Chain>();
  readonly #due = new Set<Chain>();
  readonly #urgent = new Set<Chain>();
  #timer: Timer | undefined;
  #scheduled = false;

  constructor(group: GroupMember, clock: Clock, interval: number) {
    this.#group = group;
    this.#clock = clock;
    this.#interval = interval;
  }

  /** Begins a chain. `committed` is what the stable OffsetFetch gave. */
  add(source: CommitSource, committed: Pick<OffsetToCommit, "offset" | "metadata"> | undefined): void {
    const chain: Chain = { source, sent: committed, unresolved: false, failures: 0, waiting: [] };
    this.#chains.set(partitionKey(source.topic, source.partition), chain);
  }

  /** Ends a chain: nothing more is sent for the partition. */
  remove(source: CommitSource): void {
    const chain = this.#find(source);
    if (chain === undefined) return;
    this.#chains.delete(partitionKey(source.topic, source.partition));
    this.#due.delete(chain);
    this.#urgent.delete(chain);
    this.#settle(chain);
  }

  #find(source: CommitSource): Chain | undefined {
    const chain = this.#chains.get(partitionKey(source.topic, source.partition));
    return chain?.source === source ? chain : undefined;
  }

  /** There is something new to commit, at the next interval or at once. */
  touch(source: CommitSource, atOnce = false): void {
    const chain = this.#find(source);
    if (chain !== undefined) this.#touch(chain, atOnce || this.#interval === 0);
  }

  #touch(chain: Chain, atOnce: boolean): void {
    this.#due.add(chain);
    if (atOnce) {
      this.#urgent.add(chain);
      if (this.#scheduled || chain.unresolved) return;
      this.#scheduled = true;
      this.#clock.soon(() => {
        this.#scheduled = false;
        this.#send(this.#urgent);
      });
    } else this.#timer ??= this.#clock.timer(this.#interval, () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    this.#send(this.#due);
  }

  /** Resolves once Kafka has what is finished now, or the chain has ended. */
  flush(source: CommitSource): Promise<void> {
    const chain = this.#find(source);
    if (chain === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      chain.waiting.push(resolve);
      this.#touch(chain, true);
    });
  }

  #send(candidates: ReadonlySet<Chain>): void {
    const batch: Chain[] = [];
    const offsets: OffsetToCommit[] = [];
    for (const chain of [...candidates]) {
      if (chain.unresolved || !this.#group.owns(chain.source.topic, chain.source.partition)) continue;
      this.#due.delete(chain);
      this.#urgent.delete(chain);
      const offset = chain.source.commitNow();
      if (chain.sent?.offset === offset.offset && chain.sent.metadata === offset.metadata) {
        this.#settle(chain);
        continue;
      }
      chain.unresolved = true;
      batch.push(chain);
      offsets.push(offset);
    }
    if (batch.length > 0) void this.#commit(batch, offsets);
  }

  async #commit(batch: readonly Chain[], offsets: readonly OffsetToCommit[]): Promise<void> {
    const { membership, coordinator } = this.#group;
    let codes: ReadonlyMap<string, number> | undefined;
    try {
      codes = await commitOffsets(coordinator, membership, offsets);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      coordinator.forget();
    }
    for (const [i, chain] of batch.entries()) {
      chain.unresolved = false;
      const { topic, partition } = chain.source;
      const errorCode = codes?.get(partitionKey(topic, partition));
      if (errorCode === 0) this.#committed(chain, offsets[i]!);
      else this.#failed(chain, errorCode, membership.generationId);
    }
  }

  #committed(chain: Chain, offset: OffsetToCommit): void {
    chain.failures = 0;
    chain.sent = offset;
    if (this.#find(chain.source) !== chain) return;
    if (this.#urgent.has(chain) || chain.waiting.length > 0) this.#touch(chain, true);
    else if (this.#due.has(chain)) this.#touch(chain, false);
  }

  #failed(chain: Chain, errorCode: number | undefined, generationId: number): void {
    // What the refusal means for the membership may end this chain.
    if (errorCode !== undefined) this.#group.refused(errorCode, generationId);
    if (this.#find(chain.source) !== chain) return;
    const { topic, partition } = chain.source;
    if (
      errorCode === ErrorCode.OFFSET_METADATA_TOO_LARGE ||
      errorCode === ErrorCode.GROUP_AUTHORIZATION_FAILED ||
      errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED
    ) {
      return chain.source.commitRefused(
        new ProtocolError(errorCode, `commit of ${topic}/${partition}`, { topic, partition }),
      );
    }
    chain.failures++;
    this.#due.add(chain);
    this.#clock.timer(backoffDelay(RETRY_BACKOFF, chain.failures, this.#clock), () => {
      if (this.#find(chain.source) === chain) this.#touch(chain, true);
    });
  }

  #settle(chain: Chain): void {
    for (const resolve of chain.waiting.splice(0)) resolve();
  }

  close(): void {
    this.#timer?.cancel();
    for (const { source } of [...this.#chains.values()]) this.remove(source);
  }
}
