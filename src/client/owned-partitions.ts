import type { GroupHandlers } from "./membership.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** A partition as it was given. */
export interface AssignedPartition extends TopicPartition {
  /** Where the protocol has it: a topic that was deleted and made again has another one. */
  readonly topicId?: string | undefined;
}

/** held: ours. revoking: wanted elsewhere, still claimed until its owner lets go. */
interface Entry {
  readonly partition: AssignedPartition;
  state: "held" | "revoking";
}

/**
 * The partitions a member has, through any number of rebalances. One that is being released stays claimed: a rebalance
 * that begins meanwhile finds it still here, so nobody else can get it.
 */
export class OwnedPartitions {
  readonly #handlers: Pick<GroupHandlers, "assigned" | "revoked" | "lost">;
  readonly #released: () => void;
  #entries = new Map<string, Entry>();
  #assigned = new Map<string, AssignedPartition>();
  #revision = 0;
  readonly #whenLess: (() => void)[] = [];

  constructor(handlers: Pick<GroupHandlers, "assigned" | "revoked" | "lost">, released: () => void) {
    this.#handlers = handlers;
    this.#released = released;
  }

  has(topic: string, partition: number): boolean {
    return this.#entries.has(partitionKey(topic, partition));
  }

  /**
   * What is being let go comes last, and so do the topics that have some of it: leaders take from the end. Else they would
   * give that back and take another, which would come back while that is let go, and so on for ever.
   */
  claims(): AssignedPartition[] {
    const entries = [...this.#entries.values()];
    const leaving = new Set(
      entries.filter(({ state }) => state === "revoking").map(({ partition }) => partition.topic),
    );
    const rank = ({ state, partition }: Entry): number =>
      Number(state === "revoking") + Number(leaving.has(partition.topic));
    return entries.sort((a, b) => rank(a) - rank(b)).map(({ partition }) => partition);
  }

  /** Another number whenever the claims have changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether some are claimed that are wanted elsewhere. */
  get isReleasing(): boolean {
    return [...this.#entries.values()].some(({ state }) => state === "revoking");
  }

  /** Takes in what the leader gave: begins to release what is missing, and takes what is new. */
  accept(assigned: readonly AssignedPartition[]): void {
    this.#assigned = new Map(
      assigned.map((partition) => [partitionKey(partition.topic, partition.partition), partition]),
    );
    const stays = (key: string, { partition }: Entry): boolean =>
      this.#assigned.get(key)?.topicId === partition.topicId && this.#assigned.has(key);
    const leaving = [...this.#entries].filter(([key, entry]) => entry.state === "held" && !stays(key, entry));
    this.#takeNew();
    if (leaving.length > 0) void this.#release(leaving);
  }

  /** Gives up everything, and resolves once nothing is claimed: it was let go, or lost. */
  async releaseAll(): Promise<void> {
    this.accept([]);
    while (this.#entries.size > 0) await new Promise<void>((resolve) => this.#whenLess.push(resolve));
  }

  #takeNew(): void {
    const fresh = [...this.#assigned].filter(([key]) => !this.#entries.has(key));
    for (const [key, partition] of fresh) this.#entries.set(key, { partition, state: "held" });
    if (fresh.length === 0) return;
    this.#revision++;
    this.#handlers.assigned(fresh.map(([, partition]) => plain(partition)));
  }

  async #release(leaving: readonly (readonly [string, Entry])[]): Promise<void> {
    for (const [, entry] of leaving) entry.state = "revoking";
    const entries = new Map(leaving);
    const letGo = ({ topic, partition }: TopicPartition): void => {
      const key = partitionKey(topic, partition);
      const entry = entries.get(key);
      // Lost meanwhile, and perhaps owned anew: that entry is another one.
      if (entry === undefined || this.#entries.get(key) !== entry) return;
      this.#entries.delete(key);
      this.#less();
      // A later assignment may have given it back while it was being released.
      this.#takeNew();
      this.#released();
    };
    const partitions = leaving.map(([, entry]) => plain(entry.partition));
    try {
      await this.#handlers.revoked(partitions, letGo);
    } catch {
      // Whoever had them could not end in good order; they are wanted elsewhere all the same.
    }
    for (const partition of partitions) letGo(partition);
  }

  /** Everything is gone. */
  lose(): void {
    const gone = [...this.#entries.values()].map(({ partition }) => plain(partition));
    this.clear();
    if (gone.length > 0) this.#handlers.lost(gone);
  }

  clear(): void {
    this.#entries = new Map();
    this.#assigned = new Map();
    this.#less();
  }

  #less(): void {
    this.#revision++;
    for (const resolve of this.#whenLess.splice(0)) resolve();
  }
}

/** As users are told of it, by events and calls: without what only the protocol needs. */
function plain({ topic, partition }: AssignedPartition): TopicPartition {
  return { topic, partition };
}
