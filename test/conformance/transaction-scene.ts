import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { readFetched } from "../../protocol/records.ts";
import { RawTransactions, type Wire } from "../support/raw-transactions.ts";
import { clusterWire } from "./cluster-wire.ts";
import { conformanceTest, type TestCluster } from "./conformance-test.ts";
import type { Target } from "./target.ts";

export const COMMITTED = 1;
export const UNCOMMITTED = 0;

/** A cluster's transactions as those see them who write and those who read. */
export class Scene {
  readonly cluster: TestCluster;
  readonly wire: Wire;
  readonly version: 1 | 2;

  constructor(cluster: TestCluster, version: 1 | 2) {
    this.cluster = cluster;
    this.wire = clusterWire(cluster.kafka());
    this.version = version;
  }

  producer(transactionalId: string = this.cluster.fresh("tx"), timeoutMs?: number): Promise<RawTransactions> {
    return RawTransactions.start(this.wire, transactionalId, this.version, timeoutMs);
  }

  /** Creates a topic, and waits until every partition has a leader that knows it. */
  async topic(partitions: number = 1): Promise<string> {
    const name = await this.cluster.topic(partitions);
    for (let index = 0; index < partitions; ) {
      const topics = [{ name, partitions: [{ partitionIndex: index, timestamp: -1 }] }];
      const answer = await this.wire.toLeader(name, index, listOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        topics,
      });
      if (answer.topics[0]!.partitions[0]!.errorCode === ErrorCode.NONE) index += 1;
      else await this.wire.pause();
    }
    return name;
  }

  /** One fetch of a partition. */
  async fetch(
    topic: string,
    offset: number,
    isolationLevel: number,
    maxBytes: number = 1 << 20,
  ): Promise<PartitionData> {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: maxBytes }];
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes, isolationLevel, topics: [{ topic, partitions }] };
    const answer = await this.wire.toLeader(topic, 0, fetch, 12, body);
    return answer.responses[0]!.partitions[0]!;
  }

  /** All values that a reader gets who asks again until it gets nothing more. */
  async read(topic: string, isolationLevel: number = COMMITTED): Promise<string[]> {
    return (await this.readFrom(topic, 0, isolationLevel)).map(({ value }) => value);
  }

  /** The same with offsets, from one on, in fetches of some size. */
  async readFrom(
    topic: string,
    from: number,
    isolationLevel: number = COMMITTED,
    maxBytes?: number,
  ): Promise<{ readonly offset: number; readonly value: string }[]> {
    const found: { readonly offset: number; readonly value: string }[] = [];
    for (let next = from; ; ) {
      const part = await this.fetch(topic, next, isolationLevel, maxBytes);
      assert.equal(part.errorCode, ErrorCode.NONE);
      const bytes = part.records!.slice();
      if (bytes.length === 0) return found;
      const { records, nextOffset } = readFetched(bytes, next, part.abortedTransactions, 1 << 20);
      for (const { offset, value } of records) found.push({ offset, value: new TextDecoder().decode(value!) });
      next = nextOffset;
    }
  }

  /** Reads until as many values have come: markers are written after the transaction has ended. */
  async await(topic: string, count: number): Promise<string[]> {
    for (;;) {
      const values = await this.read(topic);
      if (values.length >= count) return values;
      await this.wire.pause();
    }
  }

  /** Waits until nothing of the partition is undecided. `from`: an offset that it has. */
  async stable(topic: string, from = 0): Promise<void> {
    for (;;) {
      const { highWatermark, lastStableOffset } = await this.fetch(topic, from, COMMITTED, 1);
      if (highWatermark === lastStableOffset) return;
      await this.wire.pause();
    }
  }

  /** The end of the partition for readers of an isolation level; and with a time, the first record from then on. */
  async listed(topic: string, isolationLevel: number, timestamp = -1): Promise<number> {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }];
    const body = { replicaId: -1, isolationLevel, topics };
    const answer = await this.wire.toLeader(topic, 0, listOffsets, 7, body);
    return answer.topics[0]!.partitions[0]!.offset;
  }

  /** A committed offset, or the negative error code. */
  async committed(groupId: string, topic: string, requireStable: boolean): Promise<number> {
    const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }];
    const answer = await this.wire.toGroup(groupId, offsetFetch, 8, { groups, requireStable });
    const { errorCode, committedOffset } = answer.groups[0]!.topics[0]!.partitions[0]!;
    return errorCode === ErrorCode.NONE ? committedOffset : -errorCode;
  }

  /** The committed offset once no transaction is about to change it. */
  async stableOffset(groupId: string, topic: string): Promise<number> {
    for (;;) {
      const offset = await this.committed(groupId, topic, true);
      if (offset !== -ErrorCode.UNSTABLE_OFFSET_COMMIT) return offset;
      await this.wire.pause();
    }
  }
}

/** Declares tests that both forms of transactions have to pass, where the cluster has them. */
export function transactionTest(target: Target): (name: string, run: (scene: Scene) => Promise<void>) => void {
  const test = conformanceTest(target);
  return (name, run) => {
    for (const version of [1, 2] as const) {
      test(`${name}, transaction version ${version}`, async (cluster) => {
        const connection = await cluster.kafka().cluster.any("general");
        if (version === 2 && connection.feature("transaction.version") < 2) return;
        await run(new Scene(cluster, version));
      });
    }
  };
}
