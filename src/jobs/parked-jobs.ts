import { groupBy } from "../client/group-by.ts";
import { uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { checkOptions, describe, optionalInteger, optionalText, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { InvalidOptionError } from "./errors.ts";
import { ERROR_HEADER, JOB_HEADER } from "./headers.ts";
import { groupOf } from "./options.ts";
import { keyParkedBy } from "./parked-record.ts";
import { headerOf, headerTextOf, type JobRecord } from "./received-job.ts";
import { checkPlace, placeText, type RecordPlace } from "./record-place.ts";
import { scanState } from "./scan-state.ts";
import type { StateScan } from "./state-scan.ts";
import { findStateTopic, requestRecord, statePartition, stateTopic } from "./state-topic.ts";
import { checkTopicName } from "./topic-name.ts";
import { NotParkedError } from "./worker-errors.ts";

/** Jobs of one key that wait, in order, behind one that failed for good. */
export interface ParkedKeyJobs extends RecordPlace {
  /** Undefined: a job without a key, parked alone. */
  readonly key: string | undefined;
  /** How many there are. The place is that of the first, in its queue. */
  readonly jobs: number;
  /** The first one's name. Undefined: it has succeeded, or was let go of, and others are left. */
  readonly job: string | undefined;
  /** What it failed with. */
  readonly error: string | undefined;
  /** "releasing", "discarding": somebody has asked for it, and the owner of the partition is, or will be, at it. */
  readonly state: "parked" | "releasing" | "discarding";
}

export interface ListParkedOptions {
  /** Default: every queue of the group. */
  readonly queue?: string | undefined;
  /** Default 100. */
  readonly limit?: number | undefined;
}

/** Which parked keys are meant. */
export interface ParkedSelection {
  /** All keys of the queue, or with `key` that one. */
  readonly queue?: string | undefined;
  readonly key?: string | undefined;
  /** The keys of the jobs at these places, as `list` gives them. */
  readonly places?: readonly RecordPlace[] | undefined;
}

/** Jobs that were put aside with `whenExhausted: "park"`: one that failed for good, and every later one of its key. */
export interface ParkedJobs {
  /** What is parked now, a line for each key. */
  list(options?: ListParkedOptions): Promise<ParkedKeyJobs[]>;
  /**
   * Asks the owners of the partitions to run what is parked: in order, from the first on, which begins anew; jobs that are
   * enqueued meanwhile stand behind them. One that fails for good again parks its key again. Gives the number of keys,
   * once the requests are written: they stay in force while no worker runs. Throws a `NotParkedError` where nothing is
   * parked that was named.
   */
  release(selection: ParkedSelection): Promise<number>;
  /** The same, to let go of the jobs without running them: each is discarded. */
  discard(selection: ParkedSelection): Promise<number>;
}

const STATES = { release: "releasing", discard: "discarding" } as const;

interface FoundKey extends ParkedKeyJobs {
  readonly by: string;
  readonly offsets: readonly number[];
}

export function parkedJobs(app: AppState): ParkedJobs {
  return {
    list: async (options) => {
      const { queue, limit } = checkOptions(options, "list", ["queue", "limit"]);
      const name = queue === undefined ? undefined : checkTopicName(queue, "list.queue");
      const most = optionalInteger(limit, "list.limit", 1, Number.MAX_SAFE_INTEGER) ?? DEFAULTS.deadLetterList;
      const { keys } = await findKeys(app);
      const found = keys.filter(({ topic }) => name === undefined || topic === name).slice(0, most);
      return found.map(({ by: _by, offsets: _offsets, ...key }) => key);
    },
    release: (selection) => request(app, "release", selection),
    discard: (selection) => request(app, "discard", selection),
  };
}

async function findKeys(app: AppState): Promise<{ readonly keys: FoundKey[]; readonly partitions: number }> {
  const topic = stateTopic(groupOf(app.settings, "app.parked needs"));
  const partitions = (await findStateTopic(app, topic)) ?? 0;
  const failures: Map<number, JobRecord>[] = Array.from({ length: partitions }, () => new Map());
  const scans = await scanState(app, topic, partitions, (record, partition) => {
    if (headerOf(record, ERROR_HEADER) !== undefined) failures[partition]!.set(record.offset, withoutValue(record));
  });
  const keys = scans.flatMap((scan, partition) => [...keysOf(scan, failures[partition]!)]);
  keys.sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition || a.offset - b.offset,
  );
  return { keys, partitions };
}

function withoutValue({ offset, timestamp, key, headers }: JobRecord): JobRecord {
  return { offset, timestamp, key, headers, value: null };
}

function* keysOf(scan: StateScan, failures: ReadonlyMap<number, JobRecord>): Generator<FoundKey> {
  for (const place of scan.partitions) {
    const { parked, requests } = scan.of(place);
    const last = new Map(
      requests.map(({ by, key: { kind } }) => [by, kind === "release" || kind === "discard" ? kind : undefined]),
    );
    for (const [by, jobs] of groupBy(parked, (job) => job.by)) {
      const failure = failures.get(jobs[0]!.at);
      const asked = last.get(by);
      yield {
        ...place,
        ...{ offset: jobs[0]!.offset, key: keyParkedBy(by), jobs: jobs.length },
        ...{ job: failure && headerTextOf(failure, JOB_HEADER), error: failure && headerTextOf(failure, ERROR_HEADER) },
        ...{ state: asked === undefined ? "parked" : STATES[asked] },
        ...{ by, offsets: jobs.map((job) => job.offset) },
      };
    }
  }
}

async function request(app: AppState, kind: "release" | "discard", selection: unknown): Promise<number> {
  const isMeant = checkSelection(selection, kind);
  const { keys, partitions } = await findKeys(app);
  const chosen = isMeant(keys);
  const topic = stateTopic(groupOf(app.settings, "app.parked needs"));
  const { clock } = app.slot.use();
  const producer = app.slot.use().producer(app.producer);
  const records = chosen.map((key) => {
    const to = { topic, partition: statePartition(key, partitions) };
    return requestRecord({ kind, topic: key.topic, partition: key.partition, id: uuidv7(clock) }, key.by, to);
  });
  await producer.sendMany(records);
  return chosen.length;
}

/** Gives what chooses from all keys. Throws where the selection makes no sense, or names what is not parked. */
function checkSelection(value: unknown, path: string): (keys: readonly FoundKey[]) => FoundKey[] {
  const { queue, key, places } = checkOptions(value, path, ["queue", "key", "places"]);
  if (places !== undefined) {
    if (queue !== undefined || key !== undefined)
      throw new InvalidOptionError(within(path, "places"), "given beside queue or key: say it one way");
    if (!Array.isArray(places) || places.length === 0)
      throw new InvalidOptionError(within(path, "places"), `${describe(places)} given, a list of places is expected`);
    const named = places.map((each: unknown, i) => checkPlace(each, `${path}.places[${i}]`));
    return (keys) => [...new Set(named.map((place) => keyAt(keys, place)))];
  }
  if (queue === undefined) throw new InvalidOptionError(path, "say which: { queue }, { queue, key } or { places }");
  const name = checkTopicName(queue, within(path, "queue"));
  const text = optionalText(key, within(path, "key"));
  return (keys) => {
    const found = keys.filter((each) => each.topic === name && (text === undefined || each.key === text));
    if (found.length > 0) return found;
    throw new NotParkedError(text === undefined ? `any key of queue ${name}` : `key "${text}" of queue ${name}`);
  };
}

function keyAt(keys: readonly FoundKey[], place: RecordPlace): FoundKey {
  const { topic, partition, offset } = place;
  const found = keys.find((key) => key.topic === topic && key.partition === partition && key.offsets.includes(offset));
  if (found !== undefined) return found;
  throw new NotParkedError(`the job at ${placeText(place)}`);
}
