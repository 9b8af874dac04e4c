import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import { ErrorCode } from "../client/error-code.ts";
import { asKafkaError, type KafkaError, ProtocolError } from "../client/errors.ts";
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
  commitRefused(error: Error): void;
}

/** Told of a commit that fails again and again, and goes on being tried. */
export type CommitTrouble = (error: KafkaError, source: CommitSource) => void;

interface Chain {
  readonly source: CommitSource;
  /** What Kafka is known to have. */
  sent: Pick<OffsetToCommit, "offset" | "metadata"> | undefined;
  unresolved: boolean;
  failures: number;
  retry: Timer | undefined;
  /** Told once nothing is left to commit. */
  waiting: (() => void)[];
  /** Told once no commit of it is unresolved: one at a time has the chain to itself then. */
  turns: (() => void)[];
}

const RETRY_BACKOFF: BackoffOptions = { initial: 100, max: 1_000 };
/** How long (ms) the turns of several chains are waited for together. */
const GATHERING = 1_000;
/** A failure that passes by itself is news when it comes this often in a row, and then at each multiple. */
const TROUBLE = 5;
/** What no repetition will change. */
const FINAL: ReadonlySet<number> = new Set([
  ErrorCode.OFFSET_METADATA_TOO_LARGE,
  ErrorCode.INVALID_COMMIT_OFFSET_SIZE,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
]);

/**
 * Takes marks to Kafka. Each partition has its own chain, in which at most one commit has no answer yet; one request
 * carries the commits of every partition that is due. A commit whose fate is unknown is sent again: it says where the
 * partition stands, so saying it twice does no harm.
 */
export class Committer {
  readonly #group: GroupMember;
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #troubled: CommitTrouble;
  readonly #chains = new Map<CommitSource, Chain>();
  readonly #due = new Set<Chain>();
  readonly #urgent = new Set<Chain>();
  #timer: Timer | undefined;
  #scheduled = false;

  constructor(group: GroupMember, clock: Clock, interval: number, troubled: CommitTrouble) {
    this.#group = group;
    this.#clock = clock;
    this.#interval = interval;
    this.#troubled = troubled;
  }

  /** Begins a chain. `committed` is what the stable OffsetFetch gave. */
  add(source: CommitSource, committed: Pick<OffsetToCommit, "offset" | "metadata"> | undefined): void {
    const chain: Chain = {
      ...{ source, sent: committed, unresolved: false },
      ...{ failures: 0, retry: undefined, waiting: [], turns: [] },
    };
    this.#chains.set(source, chain);
  }

  /** Ends a chain: nothing more is sent for the partition. */
  remove(source: CommitSource): void {
    const chain = this.#chains.get(source);
    if (chain === undefined) return;
    this.#chains.delete(source);
    this.#due.delete(chain);
    this.#urgent.delete(chain);
    chain.retry?.cancel();
    this.#settle(chain);
    for (const next of chain.turns.splice(0)) next();
  }

  /** There is something new to commit, at the next interval or at once. */
  touch(source: CommitSource, atOnce = false): void {
    const chain = this.#chains.get(source);
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

  /** Resolves once Kafka has what is finished now, or can never have it, or the chain has ended. */
  flush(source: CommitSource): Promise<void> {
    const chain = this.#chains.get(source);
    if (chain === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      chain.waiting.push(resolve);
      this.#touch(chain, true);
    });
  }

  /**
   * Has `work` commit for a chain in its own way, while no other commit of it is unresolved. It gives what Kafka has
   * then; undefined: what it had before. False, without `work` being called: the chain has ended.
   */
  async inTurn(source: CommitSource, work: () => Promise<Chain["sent"]>): Promise<boolean> {
    const chain = await this.#takeTurn(source);
    if (chain === undefined) return false;
    try {
      chain.sent = (await work()) ?? chain.sent;
    } finally {
      this.#resolved(chain);
      this.#goOn(chain);
    }
    return true;
  }

  /**
   * The same for several chains at once. `work` is given those of which nothing is unresolved within a moment and that have
   * not ended: none is held up for long by another that is slow. It gives what Kafka has then of each. Turns are taken in
   * one order, whoever asks, so that no two wait for each other.
   */
  async inTurns(
    sources: readonly CommitSource[],
    work: (left: ReadonlySet<CommitSource>) => Promise<ReadonlyMap<CommitSource, Chain["sent"]>>,
  ): Promise<void> {
    const keyOf = ({ topic, partition }: CommitSource): string => partitionKey(topic, partition);
    const chains: Chain[] = [];
    const end = this.#clock.monotonic() + GATHERING;
    let hasFailed = true;
    try {
      for (const source of [...sources].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
        const chain = await this.#takeTurn(source, end);
        if (chain !== undefined) chains.push(chain);
      }
      // Some may have ended while the turns of others were waited for.
      const left = chains.filter(({ source }) => this.#chains.get(source) !== undefined);
      const sent = await work(new Set(left.map(({ source }) => source)));
      for (const chain of left) chain.sent = sent.get(chain.source) ?? chain.sent;
      hasFailed = false;
    } finally {
      for (const chain of chains) {
        // It may have been committed all the same: what is committed next must not be held against what was before.
        if (hasFailed) chain.sent = undefined;
        this.#resolved(chain);
        this.#goOn(chain);
      }
    }
  }

  /** Undefined: the chain has ended, or its turn has not come before `end` (monotonic ms). */
  async #takeTurn(source: CommitSource, end: number = Number.POSITIVE_INFINITY): Promise<Chain | undefined> {
    const chain = this.#chains.get(source);
    if (chain === undefined) return undefined;
    // Of a chain that has ended no turn comes: what is under way passes it on to one at most.
    while (chain.unresolved && this.#chains.get(source) === chain) {
      if (end <= this.#clock.monotonic()) return undefined;
      await this.#nextTurn(chain, end);
    }
    if (this.#chains.get(source) !== chain) return undefined;
    chain.unresolved = true;
    return chain;
  }

  async #nextTurn({ turns }: Chain, end: number): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      turns.push(resolve);
      if (end === Number.POSITIVE_INFINITY) return;
      timer = this.#clock.timer(end - this.#clock.monotonic(), () => {
        const at = turns.indexOf(resolve);
        if (at >= 0) turns.splice(at, 1);
        resolve();
      });
    });
    timer?.cancel();
  }

  #resolved(chain: Chain): void {
    chain.unresolved = false;
    chain.turns.shift()?.();
  }

  #send(candidates: ReadonlySet<Chain>): void {
    const batch: Chain[] = [];
    for (const chain of [...candidates]) {
      if (chain.unresolved) continue;
      this.#due.delete(chain);
      this.#urgent.delete(chain);
      if (this.#toCommit(chain) === undefined) continue;
      chain.retry?.cancel();
      chain.unresolved = true;
      batch.push(chain);
    }
    if (batch.length > 0) void this.#commit(batch);
  }

  /** What is to be sent for the chain; where that is nothing, whoever waits for it is told. */
  #toCommit(chain: Chain): OffsetToCommit | undefined {
    const { source, sent } = chain;
    if (this.#chains.get(source) === chain && this.#group.owns(source.topic, source.partition)) {
      try {
        const offset = source.commitNow();
        if (sent?.offset !== offset.offset || sent.metadata !== offset.metadata) return offset;
      } catch (error) {
        source.commitRefused(error as Error);
      }
    }
    this.#settle(chain);
    return undefined;
  }

  async #commit(batch: readonly Chain[]): Promise<void> {
    const { coordinator } = this.#group;
    let codes: ReadonlyMap<string, number> | undefined;
    let failure: KafkaError | undefined;
    let { membership } = this.#group;
    let sent: (readonly [Chain, OffsetToCommit])[] = [];
    try {
      await coordinator.connection("offsets");
      // Connecting may have taken long: what was owned then may be gone.
      sent = batch.flatMap((chain) => {
        const offset = this.#toCommit(chain);
        return offset === undefined ? [] : [[chain, offset] as const];
      });
      membership = this.#group.membership;
      const offsets = sent.map(([, offset]) => offset);
      codes = offsets.length === 0 ? new Map() : await commitOffsets(coordinator, membership, offsets);
    } catch (error) {
      failure = asKafkaError(error, "committing");
      coordinator.forget();
    }
    const offsetOf = new Map(sent);
    for (const chain of batch) {
      this.#resolved(chain);
      const { topic, partition } = chain.source;
      const errorCode = codes?.get(partitionKey(topic, partition)) ?? 0;
      const what = `commit of ${topic}/${partition}`;
      if (failure !== undefined) this.#failed(chain, failure);
      else if (errorCode === 0) this.#committed(chain, offsetOf.get(chain));
      else this.#failed(chain, new ProtocolError(errorCode, what, { topic, partition }), membership.generationId);
    }
  }

  #committed(chain: Chain, offset: OffsetToCommit | undefined): void {
    chain.failures = 0;
    if (offset !== undefined) chain.sent = offset;
    this.#goOn(chain);
  }

  /** What was to be committed meanwhile is committed next. */
  #goOn(chain: Chain): void {
    if (this.#chains.get(chain.source) !== chain) return;
    if (this.#urgent.has(chain) || chain.waiting.length > 0) this.#touch(chain, true);
    else if (this.#due.has(chain)) this.#touch(chain, false);
  }

  /** `generationId`: the coordinator itself refused, and in which generation it was asked. */
  #failed(chain: Chain, error: KafkaError, generationId?: number): void {
    const errorCode = error instanceof ProtocolError ? error.errorCode : undefined;
    // What the refusal means for the membership may end this chain.
    if (generationId !== undefined && errorCode !== undefined) this.#group.refused(errorCode, generationId);
    if (this.#chains.get(chain.source) !== chain) return;
    if (errorCode === undefined ? !error.retriable : FINAL.has(errorCode)) {
      this.#settle(chain);
      return chain.source.commitRefused(error);
    }
    chain.failures++;
    if (chain.failures % TROUBLE === 0) this.#troubled(error, chain.source);
    this.#due.add(chain);
    const wait = backoffDelay(RETRY_BACKOFF, chain.failures, this.#clock);
    chain.retry = this.#clock.timer(wait, () => this.#touch(chain, true));
  }

  #settle(chain: Chain): void {
    for (const resolve of chain.waiting.splice(0)) resolve();
  }

  close(): void {
    this.#timer?.cancel();
    for (const source of [...this.#chains.keys()]) this.remove(source);
  }
}
