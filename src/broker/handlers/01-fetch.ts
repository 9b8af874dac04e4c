import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type FetchableTopicResponse,
  type FetchPartition,
  type FetchRequest,
  type FetchResponse,
  fetch,
  type PartitionData,
} from "../../../protocol/messages/01-fetch.ts";
import type { ClusterState, TopicLookup } from "../cluster-state.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { LeaderHints, ledPartition } from "../leader-check.ts";
import type { Partition } from "../partition.ts";

/** The first versions that say who leads instead, and where that node listens (KIP-951). */
const LEADER_SINCE = 12;
const ENDPOINTS_SINCE = 16;

/** What one look at the logs gave, and whether it can be sent as it is. */
interface Look {
  readonly response: Draft<FetchResponse>;
  readonly bytes: number;
  readonly failed: boolean;
}

export const fetchHandler: Handler<FetchRequest, FetchResponse> = {
  api: fetch,
  handle(context, request) {
    // Like a broker without a free slot, this one never opens a session: every fetch names all its partitions.
    if (request.sessionId !== 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    const first = look(context, request);
    if (isEnough(first, request) || request.maxWaitMs <= 0) return first.response;
    return waitForMore(context, request);
  },
  fail: failAll,
  sizeOf(response) {
    const partitions = (response.responses ?? []).flatMap((topic) => topic.partitions ?? []);
    return partitions.reduce((sum, part) => sum + 80 + (part.records?.byteLength ?? 0), 256);
  },
};

function isEnough({ bytes, failed }: Look, request: FetchRequest): boolean {
  return failed || bytes >= request.minBytes || request.topics.length === 0;
}

function waitForMore(context: RequestContext, request: FetchRequest): Promise<Draft<FetchResponse> | undefined> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    let looking = false;
    const finish = (response: Draft<FetchResponse> | undefined): void => {
      for (const stop of stops) stop();
      resolve(response);
    };
    const lookAgain = (): void => {
      looking = false;
      const next = look(context, request);
      if (isEnough(next, request)) finish(next.response);
    };
    // One look for all that one Produce request appends.
    const changed = (): void => {
      if (!looking) queueMicrotask(lookAgain);
      looking = true;
    };
    for (const partition of partitionsOf(context.cluster, request)) stops.push(partition.onChange(changed));
    const timer = context.cluster.clock.timer(request.maxWaitMs, () => finish(look(context, request).response));
    stops.push(() => timer.cancel());
    stops.push(context.onClose(() => finish(undefined)));
  });
}

function partitionsOf(cluster: ClusterState, request: FetchRequest): Partition[] {
  return request.topics.flatMap(({ topic, topicId, partitions }) => {
    const found = cluster.lookUp(topic, topicId);
    if (typeof found === "number") return [];
    return partitions.flatMap(({ partition }) => found.partitions[partition] ?? []);
  });
}

/** Reads the partitions in the order of the request, as far as its limit goes. */
function look(context: RequestContext, request: FetchRequest): Look {
  const hints = new LeaderHints(context.cluster, context.version >= LEADER_SINCE);
  let bytes = 0;
  let failed = false;
  const readOne = (topic: TopicLookup, wanted: FetchPartition): Draft<PartitionData> => {
    const left = Math.min(wanted.partitionMaxBytes, request.maxBytes - bytes);
    const part = read(context, topic, wanted, request.isolationLevel, Math.max(0, left), bytes === 0, hints);
    bytes += part.records?.byteLength ?? 0;
    failed ||= part.errorCode !== ErrorCode.NONE || part.divergingEpoch !== undefined;
    return part;
  };
  const responses: Draft<FetchableTopicResponse>[] = request.topics.map(({ topic, topicId, partitions }) => {
    const found = context.cluster.lookUp(topic, topicId);
    return { topic, topicId, partitions: partitions.map((wanted) => readOne(found, wanted)) };
  });
  const nodeEndpoints = context.version >= ENDPOINTS_SINCE ? hints.endpoints : [];
  return { response: { responses, nodeEndpoints }, bytes, failed };
}

function read(
  context: RequestContext,
  topic: TopicLookup,
  wanted: FetchPartition,
  isolationLevel: number,
  maxBytes: number,
  atLeastOne: boolean,
  hints: LeaderHints,
): Draft<PartitionData> {
  const { partition, errorCode } = ledPartition(topic, wanted.partition, context.nodeId, wanted.currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE || partition === undefined) {
    return { ...failedPart(wanted.partition, errorCode), currentLeader: hints.for(partition, errorCode) };
  }
  const { log } = partition;
  const { fetchOffset, lastFetchedEpoch } = wanted;
  const known: Draft<PartitionData> = {
    partitionIndex: wanted.partition,
    errorCode: ErrorCode.NONE,
    highWatermark: log.endOffset,
    lastStableOffset: log.endOffset,
    logStartOffset: log.startOffset,
    abortedTransactions: isolationLevel === 1 ? [] : null,
    records: NO_RECORDS,
  };
  const end = lastFetchedEpoch < 0 ? undefined : log.endOfEpoch(lastFetchedEpoch);
  if (end !== undefined && (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset)) {
    return { ...known, divergingEpoch: end };
  }
  if (fetchOffset < log.startOffset || fetchOffset > log.endOffset) {
    return failedPart(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  return { ...known, records: log.read(fetchOffset, maxBytes, atLeastOne) };
}

const NO_RECORDS = new Uint8Array(0);

function failedPart(partitionIndex: number, errorCode: number): Draft<PartitionData> {
  return { partitionIndex, errorCode, highWatermark: -1, records: NO_RECORDS };
}

function failAll(request: FetchRequest, errorCode: number): Draft<FetchResponse> {
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition }) => failedPart(partition, errorCode)),
  }));
  return { responses };
}
