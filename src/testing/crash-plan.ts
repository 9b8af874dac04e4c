import type { Broker } from "../broker/broker.ts";
import type { JobDefinition } from "../jobs/job-options.ts";
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
  reached(point: "before-perform" | "after-perform", job: JobDefinition, instance: WorkerInstance): boolean {
    const plan = this.#plans.find(
      (each) => (each.job === undefined || each.job.name === job.name) && isDecidedAt(each.point, point),
    );
    if (plan === undefined) return false;
    this.#plans.splice(this.#plans.indexOf(plan), 1);
    if (plan.point === point) {
      this.#happen(plan, instance);
      return true;
    }
    this.#killAtCommit(plan, instance);
    return false;
  }

  #happen(plan: Plan, instance: WorkerInstance): void {
    plan.happened = true;
    this.#kill(instance);
  }

  #killAtCommit(plan: Plan, instance: WorkerInstance): void {
    const match = {
      api: "OffsetCommit",
      where: ({ clientId }: { readonly clientId: string | null }) => clientId === instance.clientId,
    };
    this.#broker.faults.cut({ ...match, when: plan.point === "before-commit" ? "beforeApply" : "afterApply" });
    void this.#broker.nextRequest(match).then(() => {
      if (instance.isAlive) this.#happen(plan, instance);
    });
  }
}

function isDecidedAt(planned: CrashPoint, point: CrashPoint): boolean {
  return planned === point || (point === "after-perform" && planned.endsWith("-commit"));
}
