import type { GroupMember } from "../client/group-member.ts";
import { type Clock, sleep } from "../net/clock.ts";
import { decodeCommitMetadata } from "./commit-metadata.ts";
import type { StartPoint } from "./start-point.ts";
import type { WorkSettings } from "./work-options.ts";

/**
 * A classic group gives a static member's partitions to whoever comes with its name, at once: the process that had it
 * may still run, and go on starting jobs until its lease ends. So what such a process has not released in good order
 * starts nothing for one session timeout (S6.3).
 */
export class TakeOver {
  readonly #clock: Clock;
  readonly #group: () => GroupMember;
  readonly #settings: Pick<WorkSettings, "instanceId" | "sessionTimeout">;
  /** When this worker was first given partitions (monotonic ms): the other was replaced before. */
  #since: number | undefined;

  constructor(clock: Clock, group: () => GroupMember, settings: Pick<WorkSettings, "instanceId" | "sessionTimeout">) {
    this.#clock = clock;
    this.#group = group;
    this.#settings = settings;
  }

  /** The worker was given partitions. */
  assigned(): void {
    this.#since ??= this.#clock.monotonic();
  }

  /** Resolves once nobody else can start jobs of a partition that was committed so. */
  async settled({ committed }: StartPoint, signal: AbortSignal): Promise<void> {
    const { instanceId, sessionTimeout } = this.#settings;
    if (instanceId === undefined || this.#group().membership.protocol === "consumer" || committed === undefined) return;
    const left = (this.#since ?? this.#clock.monotonic()) + sessionTimeout - this.#clock.monotonic();
    if (left <= 0 || decodeCommitMetadata(committed.offset, committed.metadata)?.open !== true) return;
    await sleep(this.#clock, left, signal);
  }
}
