import { InvalidOptionError } from "./errors.ts";
import { keyText } from "./key.ts";
import type { ReceivedJob } from "./received-job.ts";
import { decodePayload, type Serializer } from "./serializer.ts";
import { isPromise } from "./standard-schema.ts";
import { type ArrivedJob, checkLane, type VirtualPartitions } from "./virtual-partitions.ts";

/**
 * The lane of each job of a batch (S5.1): jobs of one key share one. A key's first job goes where the reducer says, else
 * into the lane with the fewest jobs, as do jobs without a key. Undefined stands for a record that names no job. Throws
 * what the partitioner or the reducer throws.
 */
export function placeInLanes(
  jobs: readonly (ReceivedJob | undefined)[],
  { max, partitioner, reducer }: VirtualPartitions,
  serializer: Serializer,
): readonly number[] {
  const counts = new Array<number>(max).fill(0);
  const laneOf = new Map<string, number>();
  return jobs.map((job) => {
    const key = job === undefined || partitioner === undefined ? job?.key : partitionedBy(partitioner, job, serializer);
    let lane = key === undefined ? undefined : laneOf.get(key);
    if (lane === undefined) {
      lane = key === undefined || reducer === undefined ? leastOf(counts) : checkLane(reducer(key, max), key, max);
      if (key !== undefined) laneOf.set(key, lane);
    }
    counts[lane]!++;
    return lane;
  });
}

/** What order is kept for, as a queue's own partitioner of lanes says. Throws what that throws. */
export function partitionedBy(
  partitioner: NonNullable<VirtualPartitions["partitioner"]>,
  job: ReceivedJob,
  serializer: Serializer,
): string {
  return keyText(job.name, "key", partitioner(arrived(job, serializer)));
}

function arrived(job: ReceivedJob, serializer: Serializer): ArrivedJob {
  const { name, topic: queue, partition, offset, key } = job;
  return {
    ...{ name, queue, partition, offset, key },
    get id() {
      return job.id;
    },
    get headers() {
      return job.headers;
    },
    get enqueuedAt() {
      return job.enqueuedAt;
    },
    get payload() {
      const payload = decodePayload(serializer, job.value, job.isVoid);
      if (!isPromise(payload)) return payload;
      payload.then(undefined, () => {});
      throw new InvalidOptionError(
        "virtualPartitions.partitioner",
        "the app's serializer reads payloads asynchronously, a partitioner cannot: go by the key or a header",
      );
    },
  };
}

function leastOf(counts: readonly number[]): number {
  let least = 0;
  for (let lane = 1; lane < counts.length && counts[least] !== 0; lane++)
    if (counts[lane]! < counts[least]!) least = lane;
  return least;
}
