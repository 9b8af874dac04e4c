import type { Clock, Timer } from "../net/clock.ts";
import type { EventHub } from "./events.ts";
import type { FlowControl } from "./flow-control.ts";
import type { OwnedExecutors } from "./owned-executors.ts";
import type { PartitionExecutor } from "./partition-executor.ts";
import type { RetentionWatch } from "./retention-watch.ts";

const INTERVAL = 5_000;

/** Looks after a worker's partitions every few seconds: what stands still, what blocks, what will be deleted. */
export class Upkeep {
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #executors: OwnedExecutors;
  readonly #flow: FlowControl;
  readonly #retention: RetentionWatch;
  #timer: Timer | undefined;

  constructor(clock: Clock, events: EventHub, executors: OwnedExecutors, flow: FlowControl, retention: RetentionWatch) {
    this.#clock = clock;
    this.#events = events;
    this.#executors = executors;
    this.#flow = flow;
    this.#retention = retention;
  }

  start(): void {
    const look = (): void => {
      for (const executor of this.#executors) this.#lookAfter(executor);
      this.#retention.look(this.#executors);
      this.start();
    };
    this.#timer = this.#clock.timer(INTERVAL, look, { idle: true });
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** A partition that could go on and does not is a bug of ours: it is told, and set going again. */
  #lookAfter(executor: PartitionExecutor): void {
    executor.pump();
    executor.tellBlocked();
    if (!this.#flow.isPaused(executor) || executor.buffered > 0) return;
    this.#flow.drained(executor);
    const { topic, partition } = executor;
    const error = new Error("a partition was paused with nothing to run");
    this.#events.emit("error", { error, during: "watching over partitions", topic, partition });
  }
}
