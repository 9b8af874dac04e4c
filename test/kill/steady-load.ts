import type { Producer } from "../../src/client/producer.ts";
import { LongestSilence } from "./longest-silence.ts";

/** What became of one record. */
export interface Sent {
  /** Its place among the records of its partition, in the order of the calls. */
  readonly number: number;
  /** -1: it was rejected, and may be stored all the same. */
  readonly offset: number;
}

/** The records of a load, by partition. */
export type LoadResult = readonly (readonly Sent[])[];

export interface SteadyLoad {
  /** How many were acknowledged so far. */
  readonly acknowledged: number;
  /** Of acknowledgements. */
  readonly silence: LongestSilence;
  /** Why records were rejected, by code. */
  readonly rejected: ReadonlyMap<string, number>;
  /** Sends no more, and resolves once every record has its verdict. */
  stop(): Promise<LoadResult>;
}

/** As many records of a partition may be without a verdict before it gets no more. */
const MOST_OPEN = 500;
const PAUSE = 5;

/**
 * Sends records to every partition, several at a time and none awaited before the next, then rests for `pause` ms. Their
 * values are their numbers.
 */
export function startSteadyLoad(
  producer: Producer,
  topic: string,
  partitionCount: number,
  pause: number = PAUSE,
): SteadyLoad {
  const sent: Sent[][] = Array.from({ length: partitionCount }, () => []);
  const next = new Array<number>(partitionCount).fill(0);
  const open = new Array<number>(partitionCount).fill(0);
  const rejected = new Map<string, number>();
  let acknowledged = 0;
  const silence = new LongestSilence();
  let stopped = false;

  const send = async (partition: number): Promise<void> => {
    const number = next[partition]!++;
    open[partition]! += 1;
    let offset = -1;
    try {
      ({ offset } = await producer.send({ topic, partition, value: String(number) }));
      acknowledged++;
      silence.heard();
    } catch (error) {
      const { code } = error as { code: string };
      rejected.set(code, (rejected.get(code) ?? 0) + 1);
    }
    open[partition]! -= 1;
    sent[partition]!.push({ number, offset });
  };

  const sendAll = async (): Promise<void> => {
    const sends: Promise<void>[] = [];
    while (!stopped) {
      for (let partition = 0; partition < partitionCount; partition++)
        for (let i = 0; i < 3 && open[partition]! < MOST_OPEN; i++) sends.push(send(partition));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    await Promise.all(sends);
  };
  const ended = sendAll();
  return {
    get acknowledged() {
      return acknowledged;
    },
    silence,
    rejected,
    async stop() {
      stopped = true;
      await ended;
      return sent;
    },
  };
}
