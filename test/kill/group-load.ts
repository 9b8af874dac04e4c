import assert from "node:assert/strict";
import { type Consumer, type ConsumerBatch, Kafka, type KafkaError } from "ottla/kafka";
import { LongestSilence } from "./longest-silence.ts";
import type { LoadResult } from "./steady-load.ts";

export interface GroupLoadOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
  readonly groupId: string;
  readonly groupProtocol: "classic" | "consumer";
  /** Names of static members; undefined: a dynamic one. */
  readonly members: readonly (string | undefined)[];
}

/** What the group has done with one partition. */
interface Progress {
  /** As far as any member has read without a gap. */
  next: number;
  /** As far as a commit was acknowledged. */
  committed: number;
  owner: number | undefined;
  /** Where the owner of now reads on; undefined: it has read nothing yet. */
  position: number | undefined;
  /** What had been committed when it became the owner. */
  committedBefore: number;
  readonly silence: LongestSilence;
}

const SESSION = 10_000;

/**
 * A group whose members commit each batch before they ask for the next, each with a client of its own, and what must
 * hold of it at every moment: a partition has one owner, who reads on from the last commit, in order and without gaps.
 */
export class GroupLoad {
  readonly silence: LongestSilence = new LongestSilence();
  /** What was wrong; empty at the end, or the test fails. */
  readonly violations: string[] = [];
  /** Why commits were refused, and what members told of, by code. */
  readonly troubles: Map<string, number> = new Map();
  /** Records that were given again: a member had not committed them before it lost them. */
  repeated = 0;
  readonly #options: GroupLoadOptions;
  readonly #numbers: Map<number, number>[];
  readonly #progress: Progress[];
  readonly #clients: Kafka[] = [];
  readonly #consumers: Consumer[] = [];
  readonly #runs: Promise<void>[];

  constructor(options: GroupLoadOptions) {
    this.#options = options;
    const { partitions, brokers, members } = options;
    this.#numbers = Array.from({ length: partitions }, () => new Map());
    this.#progress = Array.from({ length: partitions }, () => ({
      ...{ next: 0, committed: 0, owner: undefined, position: undefined, committedBefore: 0 },
      silence: new LongestSilence(),
    }));
    this.#runs = members.map((groupInstanceId, member) => {
      const kafka = new Kafka({ brokers, clientId: `${options.groupId}-${member}` });
      this.#clients.push(kafka);
      return this.#run(kafka, member, groupInstanceId);
    });
  }

  get groupId(): string {
    return this.#options.groupId;
  }

  get partitionSilences(): LongestSilence[] {
    return this.#progress.map(({ silence }) => silence);
  }

  /** Whether something of every partition has been read. */
  get readsAll(): boolean {
    return this.#progress.every(({ next }) => next > 0);
  }

  async #run(kafka: Kafka, member: number, groupInstanceId: string | undefined): Promise<void> {
    const { topic, groupId, groupProtocol } = this.#options;
    const consumer = kafka.consumer({
      ...{ groupId, topics: [topic], groupProtocol, groupInstanceId },
      ...(groupProtocol === "classic" ? { sessionTimeout: SESSION } : {}),
    });
    this.#consumers.push(consumer);
    consumer.on("assigned", ({ partitions }) => {
      for (const { partition } of partitions) this.#owned(member, partition);
    });
    for (const name of ["revoked", "lost"] as const)
      consumer.on(name, ({ partitions }) => this.#note(`${name} ${partitions.length}`));
    consumer.on("error", ({ error }) => this.#note(error.code));
    for await (const batch of consumer) {
      this.#take(member, batch);
      try {
        await consumer.commit(batch);
        const progress = this.#progress[batch.partition]!;
        progress.committed = Math.max(progress.committed, batch.nextOffset);
      } catch (error) {
        this.#note((error as KafkaError).code);
      }
    }
  }

  #note(code: string): void {
    this.troubles.set(code, (this.troubles.get(code) ?? 0) + 1);
  }

  #owned(member: number, partition: number): void {
    const progress = this.#progress[partition]!;
    const others = this.#consumers.filter(
      (consumer, i) => i !== member && consumer.owns(this.#options.topic, partition),
    );
    if (others.length > 0) this.violations.push(`partition ${partition} has two owners, one of them ${member}`);
    progress.owner = member;
    progress.position = undefined;
    progress.committedBefore = progress.committed;
  }

  #take(member: number, { partition, records, nextOffset }: ConsumerBatch): void {
    const progress = this.#progress[partition]!;
    const place = `${this.#options.groupId}/${member} in partition ${partition}`;
    this.silence.heard();
    progress.silence.heard();
    if (progress.owner !== member) this.violations.push(`${place} was given what is ${progress.owner}'s`);
    const first = records[0]?.offset ?? nextOffset;
    if (first > progress.next) this.violations.push(`${place} skipped ${progress.next} to ${first}`);
    const from = progress.position ?? progress.committedBefore;
    if (first < from) this.violations.push(`${place} was given ${first} again, after ${from}`);
    for (const { offset, value } of records) {
      if (this.#numbers[partition]!.has(offset)) this.repeated++;
      this.#numbers[partition]!.set(offset, Number(new TextDecoder().decode(value!)));
    }
    progress.position = nextOffset;
    progress.next = Math.max(progress.next, nextOffset);
  }

  /** Whether every record of the load that was acknowledged has been read. */
  hasRead(result: LoadResult): boolean {
    return result.every((sent, partition) =>
      sent.every(({ offset }) => offset < 0 || this.#progress[partition]!.next > offset),
    );
  }

  /** The records that were acknowledged have been read where they are, in the order in which they were sent. */
  check(result: LoadResult): void {
    assert.deepEqual(this.violations, []);
    for (const [partition, sent] of result.entries()) {
      const found = this.#numbers[partition]!;
      for (const { number, offset } of sent) if (offset >= 0) assert.equal(found.get(offset), number);
      const inOrder = [...found].sort(([a], [b]) => a - b).map(([, number]) => number);
      assert.ok(
        inOrder.every((number, i) => i === 0 || number > inOrder[i - 1]!),
        `partition ${partition}: order`,
      );
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((kafka) => kafka.close()));
    await Promise.allSettled(this.#runs);
  }

  /** Settles when a member ends. */
  get ended(): Promise<void> {
    return Promise.race(this.#runs);
  }
}
