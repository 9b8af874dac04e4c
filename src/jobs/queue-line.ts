import { defaultPartition } from "../client/default-partitioner.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { RecordOwner } from "../client/queued-batch.ts";
import type { Clock } from "../net/clock.ts";
import { EnqueueLine } from "./enqueue-line.ts";
import { EnqueueTimeoutError } from "./errors.ts";
import { numberedPartition, type PartitionKeyType } from "./key.ts";
import { checkPartitions } from "./partition-check.ts";
import type { QueueSettings } from "./queue-options.ts";

/** As much of a producer as a queue needs. */
export interface RecordSink {
  send(record: ProducerRecord): Promise<RecordMetadata>;
  /** The same, for an owner that is told by calls. `at` and `now`: monotonic ms and ms since 1970. Throws what `send` rejects with at once. */
  post(record: ProducerRecord, owner: RecordOwner, slot: number, at: number, now: number): void;
  /** Something will be sent soon. */
  prepare(): void;
  partitionsFor(topic: string): Promise<number>;
  /** The same, where it is known without asking. */
  partitionsNow(topic: string): number | undefined;
  /** Resolves once what was sent so far is no longer kept waiting for room; undefined where nothing is. */
  readonly room: Promise<void> | undefined;
}

/** What decides a job's partition. */
export interface Route {
  readonly job: string;
  /** The job's key, or the id that a caller gave a job without one. Undefined: any partition will do. */
  readonly key: string | undefined;
  readonly type: PartitionKeyType;
}

/** One producer's way into one queue. */
export class QueueLine {
  readonly queue: QueueSettings;
  readonly sink: RecordSink;
  readonly line: EnqueueLine;
  /** The topic has as many partitions as declared, or nobody declared any. */
  #checked: boolean;
  /** Asked for by a call of this moment. */
  #counting: Promise<number> | undefined;

  constructor(clock: Clock, queue: QueueSettings, sink: RecordSink, deliveryTimeout: number) {
    this.queue = queue;
    this.sink = sink;
    this.line = new EnqueueLine(clock, deliveryTimeout, () => new EnqueueTimeoutError(queue.name, deliveryTimeout));
    this.#checked = queue.partitions === undefined;
  }

  /** The partition that a record must name; undefined where the client decides it as well. At once where nothing has to be asked. */
  route(route: Route): undefined | Promise<number | undefined> {
    if (this.#checked && isClients(route)) return undefined;
    return this.partitionCount().then((count) => this.#among(route, count));
  }

  /** The same without asking, or false. Throws where the record has no partition. */
  routeNow(route: Route): number | undefined | false {
    if (this.#checked && isClients(route)) return undefined;
    const count = this.partitionsNow();
    return count === undefined ? false : this.#among(route, count);
  }

  #among(route: Route, count: number): number | undefined {
    return isClients(route) ? undefined : partitionOf(route, this.queue.name, count);
  }

  /** Takes a place in the line, and sends the record once it is prepared and its turn has come. */
  sendInTurn(preparing: Promise<ProducerRecord>): Promise<RecordMetadata> {
    let record: ProducerRecord;
    const prepared = preparing.then((given) => {
      record = given;
    });
    return new Promise((resolve, reject) => {
      this.line.join(prepared, () => resolve(this.sink.send(record)), reject);
    });
  }

  /** How many partitions the topic has. Rejects where they are not as many as declared. The calls of a moment ask once. */
  partitionCount(): Promise<number> {
    if (this.#counting === undefined) {
      this.#counting = this.sink.partitionsFor(this.queue.name).then((count) => this.#check(count));
      queueMicrotask(() => {
        this.#counting = undefined;
      });
    }
    return this.#counting;
  }

  /** The same, where it is known without asking. */
  partitionsNow(): number | undefined {
    const count = this.sink.partitionsNow(this.queue.name);
    return count === undefined ? undefined : this.#check(count);
  }

  #check(count: number): number {
    if (!this.#checked) checkPartitions(this.queue, count);
    this.#checked = true;
    return count;
  }
}

/** Whether the client decides where it goes as well. */
function isClients({ key, type }: Route): boolean {
  return key === undefined || type === "key";
}

/** The partition of a job that has a key. */
export function partitionOf({ job, key, type }: Route, topic: string, count: number): number {
  return type === "partition" ? numberedPartition(job, topic, key!, count) : defaultPartition(key!, count);
}
