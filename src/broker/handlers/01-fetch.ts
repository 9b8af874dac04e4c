import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type FetchPartition,
  type FetchRequest,
  type FetchResponse,
  fetch,
  type PartitionData,
} from "../../../protocol/messages/01-fetch.ts";
import type { ClusterState, TopicLookup } from "../cluster-state.ts";
import type { FoundPartition } from "../fetch-session.ts";
import type { FetchPlan } from "../fetch-session-cache.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { LeaderHints, ledPartition } from "../leader-check.ts";
import type { Partition } from "../partition.ts";

/** The first versions that say who leads instead, and where that node listens (KIP-951). */
const LEADER_SINCE = 12;
const ENDPOINTS_SINCE = 16;
/** The first version whose sender may read from followers, and says where it is (KIP-392). */
const NEARBY_SINCE = 11;

/** The isolation level of readers that are to see nothing but what was committed. */
const READ_COMMITTED = 1;

/** What one look at the logs gave, and whether it can be sent as it is. */
interface Look {
  readonly found: readonly FoundPartition[];
  readonly nodeEndpoints: Draft<FetchResponse>["nodeEndpoints"];
  readonly bytes: number;
  readonly failed: boolean;
}

export const fetchHandler: Handler<FetchRequest, FetchResponse> = {
  api: fetch,
  handle(context, request) {
    const plan = context.fetchSessions.plan(request, context.version);
    if (typeof plan === "number") return { errorCode: plan };
    const first = look(context, request, plan);
    if (isEnough(first, request) || request.maxWaitMs <= 0) return answer(context, plan, first);
    return waitForMore(context, request, plan);
  },
  fail: failAll,
  sizeOf(response) {
    const partitions = (response.responses ?? []).flatMap((topic) => topic.partitions ?? []);
    return partitions.reduce((sum, part) => sum + 80 + (part.records?.byteLength ?? 0), 256);
  },
};

function isEnough({ bytes, failed, found }: Look, request: FetchRequest): boolean {
  return failed || bytes >= request.minBytes || found.length === 0;
}

function waitForMore(
  context: RequestContext,
  request: FetchRequest,
  plan: FetchPlan,
): Promise<Draft<FetchResponse> | undefined> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    let looking = false;
    const finish = (response: Draft<FetchResponse> | undefined): void => {
      for (const stop of stops) stop();
      resolve(response);
    };
    const lookAgain = (): void => {
      looking = false;
      const next = look(context, request, plan);
      if (isEnough(next, request)) finish(answer(context, plan, next));
    };
    // One look for all that one Produce request appends.
    const changed = (): void => {
      if (!looking) queueMicrotask(lookAgain);
      looking = true;
    };
    for (const partition of partitionsOf(context.cluster, plan)) stops.push(partition.onChange(changed));
    const timer = context.cluster.clock.timer(request.maxWaitMs, () =>
      finish(answer(context, plan, look(context, request, plan))),
    );
    stops.push(() => timer.cancel());
    stops.push(context.onClose(() => finish(undefined)));
  });
}

function partitionsOf(cluster: ClusterState, { wanted }: FetchPlan): Partition[] {
  return wanted.flatMap((one) => {
    const found = cluster.lookUp(one.topic, one.topicId);
    return typeof found === "number" ? [] : (found.partitions[one.wanted.partition] ?? []);
  });
}

/** Reads the partitions in their order, as far as the request's limit goes. */
function look(context: RequestContext, request: FetchRequest, plan: FetchPlan): Look {
  const hints = new LeaderHints(context.cluster, context.version >= LEADER_SINCE);
  let bytes = 0;
  let failed = false;
  const found = plan.wanted.map(({ topic, topicId, wanted }) => {
    const left = Math.max(0, Math.min(wanted.partitionMaxBytes, request.maxBytes - bytes));
    const lookup = context.cluster.lookUp(topic, topicId);
    const part = read(context, request, lookup, wanted, left, bytes === 0, hints);
    bytes += part.records?.byteLength ?? 0;
    failed ||= part.errorCode !== ErrorCode.NONE || part.divergingEpoch !== undefined;
    failed ||= part.preferredReadReplica !== undefined;
    return { topic, topicId, wanted, part };
  });
  return { found, nodeEndpoints: context.version >= ENDPOINTS_SINCE ? hints.endpoints : [], bytes, failed };
}

function answer({ throttleMs }: RequestContext, plan: FetchPlan, { found, nodeEndpoints }: Look): Draft<FetchResponse> {
  const { sessionId, errorCode, told } = plan.tell(throttleMs > 0 ? undefined : found);
  const responses: { topic: string; topicId: string; partitions: Draft<PartitionData>[] }[] = [];
  for (const { topic, topicId, part } of told) {
    const last = responses.at(-1);
    if (last?.topic === topic && last.topicId === topicId) last.partitions.push(part);
    else responses.push({ topic, topicId, partitions: [part] });
  }
  return { errorCode, sessionId, responses, nodeEndpoints };
}

function read(
  context: RequestContext,
  { isolationLevel, rackId }: FetchRequest,
  topic: TopicLookup,
  wanted: FetchPartition,
  maxBytes: number,
  atLeastOne: boolean,
  hints: LeaderHints,
): Draft<PartitionData> {
  const { nodeId, cluster, version } = context;
  const readsNearby = version >= NEARBY_SINCE;
  const { partition, errorCode } = ledPartition(
    topic,
    wanted.partition,
    nodeId,
    wanted.currentLeaderEpoch,
    readsNearby,
  );
  if (errorCode !== ErrorCode.NONE || partition === undefined) {
    return { ...failedPart(wanted.partition, errorCode), currentLeader: hints.for(partition, errorCode) };
  }
  const { log, lastStableOffset } = partition;
  const { fetchOffset, lastFetchedEpoch } = wanted;
  const known: Draft<PartitionData> = {
    partitionIndex: wanted.partition,
    errorCode: ErrorCode.NONE,
    highWatermark: log.endOffset,
    lastStableOffset,
    logStartOffset: log.startOffset,
    abortedTransactions: isolationLevel === READ_COMMITTED ? [] : null,
    records: NO_RECORDS,
  };
  if (fetchOffset < log.startOffset) return failedPart(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE);
  if (lastFetchedEpoch >= 0) {
    const end = log.endOfEpoch(lastFetchedEpoch);
    if (end === undefined) return failedPart(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE);
    // The reader has records that this log has not, or not any more: it has to go back to where they part (KIP-320).
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) return { ...known, divergingEpoch: end };
  }
  if (fetchOffset > log.endOffset) return failedPart(wanted.partition, ErrorCode.OFFSET_OUT_OF_RANGE);
  if (readsNearby && rackId !== "" && partition.leaderId === nodeId) {
    const preferredReadReplica = cluster.closestReplica(partition, rackId);
    if (preferredReadReplica !== undefined) return { ...known, preferredReadReplica };
  }
  if (isolationLevel !== READ_COMMITTED)
    return { ...known, records: log.read(fetchOffset, maxBytes, atLeastOne).records };
  const { records, endOffset } = log.read(fetchOffset, maxBytes, atLeastOne, lastStableOffset);
  return { ...known, records, abortedTransactions: partition.transactions.abortedIn(fetchOffset, endOffset) };
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
