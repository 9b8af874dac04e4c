import { DEFAULTS } from "./defaults.ts";
import { ATTEMPT_HEADER, ID_HEADER, JOB_HEADER, REDRIVE_HEADER, RESUMPTION_HEADER, RETRIES_HEADER } from "./headers.ts";
import { jobInfo } from "./perform.ts";
import { ReadBack, type ReadBackSource } from "./read-back.ts";
import { type JobRecord, ReceivedJob } from "./received-job.ts";
import { SeenIds } from "./seen-ids.ts";
import type { WorkerContext } from "./worker-context.ts";

/** A record may be written so much (ms) after its time: its producer tries for as long. */
const LATENESS = DEFAULTS.deliveryTimeout;

/** Finds the jobs of one partition that are duplicates of earlier ones (S2.9), and ends them unrun. */
export class Dedupe {
  readonly #context: WorkerContext;
  readonly #source: ReadBackSource;
  readonly #ids: SeenIds;
  readonly #readBack: ReadBack;
  /** Offsets of those that wait, with that of the first job of the id. */
  readonly #duplicates = new Map<number, number>();

  /** `window`: milliseconds. */
  constructor(context: WorkerContext, source: ReadBackSource, window: number) {
    this.#context = context;
    this.#source = source;
    const keep = window + LATENESS;
    this.#ids = new SeenIds(window, keep, Math.floor(context.clock.random() * 0x1_0000_0000));
    this.#readBack = new ReadBack(context, source, keep, (records) => this.#see(records, () => {}));
  }

  /** Of a new ownership. */
  get readBack(): ReadBack {
    return this.#readBack;
  }

  /** Judges jobs as they come, in the order of the log, so that it does not matter in which they run. */
  judge(records: readonly JobRecord[], finished: ReadonlySet<number>): void {
    this.#see(records, ({ offset }, first) => {
      if (!finished.has(offset)) this.#duplicates.set(offset, first);
    });
  }

  #see(records: readonly JobRecord[], repeats: (record: JobRecord, first: number) => void): void {
    const now = this.#context.clock.now();
    for (const record of records) {
      const id = idOf(record);
      const first = id === undefined ? undefined : this.#ids.see(id, record.timestamp, record.offset, now);
      if (first !== undefined) repeats(record, first);
    }
  }

  /** Records from `offset` on are not in the log any more: others may come there. */
  forgetFrom(offset: number): void {
    this.#ids.forgetFrom(offset);
  }

  /** What ends the job in place of a start, where it is a duplicate. */
  endOf(record: JobRecord): (() => Promise<boolean>) | undefined {
    const first = this.#duplicates.get(record.offset);
    return first === undefined ? undefined : async () => this.#end(record, first);
  }

  #end(record: JobRecord, first: number): true {
    const { events, app } = this.#context;
    const { topic, partition } = this.#source;
    this.#duplicates.delete(record.offset);
    const job = jobInfo(new ReceivedJob(topic, partition, record), 1);
    if (!events.has("duplicate")) {
      const { name, id, offset } = job;
      app.settings.logger.info("a job was not run: it is a duplicate", {
        job: name,
        id,
        topic,
        partition,
        offset,
        first,
      });
    }
    events.emit("duplicate", { job, first });
    return true;
  }
}

/** The id by which a record is a duplicate, or makes one. None, where a retry, a resumption or a redrive made it. */
function idOf({ headers }: JobRecord): Uint8Array | undefined {
  let id: Uint8Array | undefined;
  let isJob = false;
  for (const [name, value] of headers) {
    if (value === null) continue;
    if (name === ID_HEADER) id = value;
    else if (name === JOB_HEADER) isJob = value.length > 0;
    else if (OF_MOVES.has(name)) return undefined;
  }
  return isJob && id !== undefined && id.length > 0 ? id : undefined;
}

const OF_MOVES: ReadonlySet<string> = new Set([ATTEMPT_HEADER, RETRIES_HEADER, RESUMPTION_HEADER, REDRIVE_HEADER]);
