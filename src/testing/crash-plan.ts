import type { Broker } from "../broker/broker.ts";
import type { ObservedRequest } from "../broker/request-faults.ts";
import { saysFinished } from "../jobs/commit-metadata.ts";
import type { JobDefinition } from "../jobs/job-options.ts";
import type { RecordPlace } from "../jobs/record-place.ts";
import type { WorkerInstance } from "./worker-instance.ts";

/**
 * Where in the life of a job its worker is killed: before or after the call of `perform`; or, once a job has ended
 * well, as the commit that says so reaches the broker, which does not apply it (`"before-commit"`) or does
 * (`"after-commit"`).
 */
export type CrashPoint = "before-perform" | "after-perform" | "before-commit" | "after-commit";

export const CRASH_POINTS: readonly CrashPoint[] = ["before-perform", "after-perform", "before-commit", "after-commit"];

/** A crash that was asked for. */
export interface PlannedCrash {
  /** Whether the worker has been killed. */
  readonly happened: boolean;
}

interface Plan {
  readonly point: CrashPoint;
  readonly job: JobDefinition | undefined;
  happened: boolean;
}

/** Crashes that wait for their moment. */
export class CrashPlan {
  readonly #broker: Broker;
  readonly #kill: (instance: WorkerInstance) => void;
  readonly #plans: Plan[] = [];

  constructor(broker: Broker, kill: (instance: WorkerInstance) => void) {
    this.#broker = broker;
    this.#kill = kill;
  }

  /** At the next job, or the next one of this definition. */
  add(point: CrashPoint, job: JobDefinition | undefined): PlannedCrash {
    const plan: Plan = { point, job, happened: false };
    this.#plans.push(plan);
    return {
      get happened() {
        return plan.happened;
      },
    };
  }

  /** True: the instance is dead now. */
  reached(
    point: "before-perform" | "after-perform",
    job: JobDefinition,
    place: RecordPlace,
    instance: WorkerInstance,
  ): boolean {
    const plan = this.#plans.find(
      (each) => (each.job === undefined || each.job.name === job.name) && isDecidedAt(each.point, point),
    );
    if (plan === undefined) return false;
    this.#plans.splice(this.#plans.indexOf(plan), 1);
    if (plan.point === point) {
      this.#happen(plan, instance);
      return true;
    }
    this.#killAtCommit(plan, place, instance);
    return false;
  }

  #happen(plan: Plan, instance: WorkerInstance): void {
    plan.happened = true;
    this.#kill(instance);
  }

  /** What ends well and has something to take along, as its progress, is committed in a transaction. */
  #killAtCommit(plan: Plan, place: RecordPlace, instance: WorkerInstance): void {
    const { faults } = this.#broker;
    const isOwn = ({ clientId }: Pick<ObservedRequest, "clientId">): boolean => clientId === instance.clientId;
    const saysSo = (request: ObservedRequest): boolean => isOwn(request) && committedBy(request, place);
    const when = plan.point === "before-commit" ? "beforeApply" : "afterApply";
    const killAt = (match: { readonly api: string; readonly where: (request: ObservedRequest) => boolean }): void => {
      faults.cut({ ...match, when });
      void this.#broker.nextRequest(match).then(() => {
        if (instance.isAlive) this.#happen(plan, instance);
      });
    };
    killAt({ api: "OffsetCommit", where: saysSo });
    const inTransaction = { api: "TxnOffsetCommit", where: saysSo };
    if (when === "beforeApply") killAt(inTransaction);
    else void this.#broker.nextRequest(inTransaction).then(() => killAt({ api: "EndTxn", where: isOwn }));
  }
}

/** As much of a commit as both requests have that make one. */
interface Commit {
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly committedOffset: number;
      readonly committedMetadata: string | null;
    }[];
  }[];
}

/** Whether a commit says of the job at `place` that it is finished. */
function committedBy({ body }: ObservedRequest, place: RecordPlace): boolean {
  const { topics } = body as Commit;
  const partitions = topics.find(({ name }) => name === place.topic)?.partitions ?? [];
  const committed = partitions.find(({ partitionIndex }) => partitionIndex === place.partition);
  if (committed === undefined) return false;
  const { committedOffset: offset, committedMetadata } = committed;
  return saysFinished({ offset, metadata: committedMetadata ?? "" }, place.offset);
}

function isDecidedAt(planned: CrashPoint, point: CrashPoint): boolean {
  return planned === point || (point === "after-perform" && planned.endsWith("-commit"));
}
