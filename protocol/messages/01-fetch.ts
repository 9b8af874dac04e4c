import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, int64, producerId, records, string, struct, uuid } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";
import { type LeaderIdAndEpoch, leaderIdAndEpoch, type NodeEndpoint, nodeEndpoints } from "./leader-hints.ts";

/** Reads record batches; waits for them if there are none. Within a session only changes are named (KIP-227). */
export interface FetchRequest {
  readonly clusterId: string | null;
  /** The follower that asks; -1: a consumer. From version 15 on it is in `replicaState`. */
  readonly replicaId: number;
  readonly replicaState: ReplicaState;
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** A limit for the whole response; one batch beyond it is still given, so that every reader gets on (KIP-74). */
  readonly maxBytes: number;
  /** 0 reads everything, 1 only what is committed or outside of transactions. */
  readonly isolationLevel: number;
  /** 0: no session, or a new one. */
  readonly sessionId: number;
  /** -1: a fetch outside of sessions; 0: begin one; else the number of the fetch in it. */
  readonly sessionEpoch: number;
  readonly topics: readonly FetchTopic[];
  /** Partitions to drop from the session. */
  readonly forgottenTopicsData: readonly ForgottenTopic[];
  /** Where the consumer is, so that a replica nearby can serve it (KIP-392). */
  readonly rackId: string;
}

/** The follower behind the request; consumers leave it as it is. */
export interface ReplicaState {
  readonly replicaId: number;
  readonly replicaEpoch: number;
}

export interface FetchTopic {
  /** Up to version 12. */
  readonly topic: string;
  /** From version 13 on, in place of the name. */
  readonly topicId: string;
  readonly partitions: readonly FetchPartition[];
}

export interface FetchPartition {
  readonly partition: number;
  /** The leader's epoch as the reader knows it, so that a stale one is noticed; -1: not checked. */
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  /** The epoch of the last record read, so that a truncated log is noticed; -1: not checked. */
  readonly lastFetchedEpoch: number;
  /** Where a follower's log begins; -1 from consumers. */
  readonly logStartOffset: number;
  /** A limit for this partition, with the same exception as `maxBytes`. */
  readonly partitionMaxBytes: number;
  readonly replicaDirectoryId: string;
  /** The follower's high watermark (KIP-1166); -1: not known; the largest safe integer: the sender says nothing. */
  readonly highWatermark: number;
}

export interface ForgottenTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export interface FetchResponse {
  readonly throttleTimeMs: number;
  /** An error of the whole request, such as a session that the broker does not have. */
  readonly errorCode: number;
  /** The session that the broker opened or continues; 0: none. */
  readonly sessionId: number;
  /** In a session: only partitions with records, an error, or moved offsets. */
  readonly responses: readonly FetchableTopicResponse[];
  /** Where the leaders named in `currentLeader` listen. */
  readonly nodeEndpoints: readonly NodeEndpoint[];
}

export interface FetchableTopicResponse {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly PartitionData[];
}

export interface PartitionData {
  readonly partitionIndex: number;
  readonly errorCode: number;
  /** One past the last offset that all in-sync replicas have; -1 beside an error. */
  readonly highWatermark: number;
  /** Before it every transaction is decided; -1: not known. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Where the reader's log and the leader's part, if they do. */
  readonly divergingEpoch: EpochEndOffset;
  readonly currentLeader: LeaderIdAndEpoch;
  readonly snapshotId: SnapshotId;
  /** With isolation level 1: the aborted transactions among the records; null otherwise. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** The replica to read from instead; -1: stay. */
  readonly preferredReadReplica: number;
  /** Whole batches, the last of which may be cut short by a limit. The first may begin before `fetchOffset`. */
  readonly records: Uint8Array | null;
}

export interface EpochEndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

/** The snapshot that a follower of the metadata log has to load first. */
export interface SnapshotId {
  readonly endOffset: number;
  readonly epoch: number;
}

export interface AbortedTransaction {
  readonly producerId: ProducerId;
  /** The transaction's first offset. It ends with its abort marker. */
  readonly firstOffset: number;
}

/** Kafka's own default is 2^63 - 1, and a default is never on the wire: any number that no offset has will do. */
const NOT_SAID = Number.MAX_SAFE_INTEGER;

export const fetch: Api<FetchRequest, FetchResponse> = api({
  key: 1,
  name: "Fetch",
  versions: [4, 18],
  flexibleSince: 12,
  request: struct<FetchRequest>({
    clusterId: string.tagged(0, 12).nullable().default(null).ignorable(),
    replicaId: int32.until(14).default(-1),
    replicaState: struct<ReplicaState>({
      replicaId: int32.default(-1),
      replicaEpoch: int64.default(-1),
    }).tagged(1, 15),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fff_ffff).ignorable(),
    isolationLevel: int8.ignorable(),
    sessionId: int32.since(7).ignorable(),
    sessionEpoch: int32.since(7).default(-1).ignorable(),
    topics: array(
      struct<FetchTopic>({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct<FetchPartition>({
            partition: int32,
            currentLeaderEpoch: int32.since(9).default(-1).ignorable(),
            fetchOffset: int64,
            lastFetchedEpoch: int32.since(12).default(-1),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            partitionMaxBytes: int32,
            replicaDirectoryId: uuid.tagged(0, 17).ignorable(),
            highWatermark: int64.tagged(1, 18).default(NOT_SAID).ignorable(),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct<ForgottenTopic>({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(int32),
      }),
    ).since(7),
    rackId: string.since(11).ignorable(),
  }),
  response: struct<FetchResponse>({
    throttleTimeMs: int32.ignorable(),
    errorCode: int16.since(7).ignorable(),
    sessionId: int32.since(7),
    responses: array(
      struct<FetchableTopicResponse>({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct<PartitionData>({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            divergingEpoch: struct<EpochEndOffset>({
              epoch: int32.default(-1),
              endOffset: int64.default(-1),
            }).tagged(0, 12),
            currentLeader: leaderIdAndEpoch.tagged(1, 12),
            snapshotId: struct<SnapshotId>({
              endOffset: int64.default(-1),
              epoch: int32.default(-1),
            }).tagged(2, 12),
            abortedTransactions: array(
              struct<AbortedTransaction>({
                producerId,
                firstOffset: int64,
              }),
            )
              .nullable()
              .ignorable(),
            preferredReadReplica: int32.since(11).default(-1),
            records: records.nullable().default(null),
          }),
        ),
      }),
    ),
    nodeEndpoints: nodeEndpoints.tagged(0, 16),
  }),
});
