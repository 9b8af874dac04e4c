import type { Kafka } from "../client/kafka.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { within } from "../client/within.ts";
import { sleep } from "../net/clock.ts";
import { readPartition } from "./partition-reader.ts";
import { readVerdict, type Verdict } from "./schedule-request.ts";

/** Milliseconds before reading goes on that has failed. */
const RETRY = 500;

/** Reads what owners decide on requests: one reader for each partition, for as long as anybody waits there. */
export class VerdictReaders {
  readonly #kafka: Kafka;
  readonly #readers = new Map<string, VerdictReader>();

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /**
   * Sends a request by `send`, which gives the offset that it got, and waits for the verdict on it, for `timeout` ms.
   * Undefined: there is none by then.
   */
  async ask(
    place: TopicPartition,
    request: string,
    send: () => Promise<number>,
    timeout: number,
  ): Promise<Verdict | undefined> {
    const key = partitionKey(place.topic, place.partition);
    const reader = this.#readers.get(key) ?? new VerdictReader(this.#kafka, place);
    this.#readers.set(key, reader);
    // Before it is sent: whoever reads already may come upon the verdict first.
    const verdict = reader.expect(request);
    try {
      reader.readFrom((await send()) + 1);
      return await within<Verdict | undefined>(this.#kafka.clock, timeout, verdict, () => undefined);
    } finally {
      if (reader.forget(request)) this.#readers.delete(key);
    }
  }
}

class VerdictReader {
  readonly #kafka: Kafka;
  readonly #place: TopicPartition;
  readonly #waiting = new Map<string, (verdict: Verdict) => void>();
  readonly #stop = new AbortController();
  #isReading = false;

  constructor(kafka: Kafka, place: TopicPartition) {
    this.#kafka = kafka;
    this.#place = place;
  }

  expect(request: string): Promise<Verdict> {
    return new Promise((resolve) => this.#waiting.set(request, resolve));
  }

  /** Whether nobody waits any more: then it is of no use any more. */
  forget(request: string): boolean {
    this.#waiting.delete(request);
    if (this.#waiting.size > 0) return false;
    this.#stop.abort();
    return true;
  }

  /** One that reads already has begun earlier in the log. */
  readFrom(offset: number): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#read(offset);
  }

  async #read(from: number): Promise<void> {
    const { signal } = this.#stop;
    for (let position = from; !signal.aborted; ) {
      try {
        for await (const batch of readPartition(this.#kafka, this.#place, position, Number.MAX_SAFE_INTEGER, signal)) {
          position = batch.nextOffset;
          for (const record of batch.records) {
            const found = readVerdict(record);
            if (found !== undefined) this.#waiting.get(found.request)?.(found.verdict);
          }
        }
      } catch {
        // Whoever waits is told when the time is up.
        await sleep(this.#kafka.clock, RETRY, signal);
      }
    }
  }
}
