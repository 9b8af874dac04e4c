import type { KafkaError } from "../../src/client/errors.ts";
import { type FetchedBatch, Fetcher, type FetcherOptions } from "../../src/client/fetcher.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import { type BenchOptions, type ClientBench, startClientBench } from "./client-bench.ts";

/** A fetcher of the in-process broker, and what it told. */
export interface FetchBench extends ClientBench {
  readonly fetcher: Fetcher;
  readonly batches: FetchedBatch[];
  readonly outOfRange: string[];
  readonly errors: KafkaError[];
  /** The values that came so far, of one partition. */
  came(partition: number): string[];
  send(partition: number, ...values: string[]): Promise<void>;
}

const text = new TextDecoder();

/** A topic t, and a fetcher that was given none of its partitions yet. */
export async function startFetcher(
  t: { after(fn: () => Promise<void>): void },
  options: BenchOptions & {
    readonly fetcher?: Partial<FetcherOptions>;
    readonly reader?: (bench: ClientBench) => Kafka;
  } = {},
): Promise<FetchBench> {
  const bench = await startClientBench(t, options);
  const kafka = options.reader?.(bench) ?? bench.kafka;
  await bench.run(kafka.cluster.topic("t", 1_000));
  const batches: FetchedBatch[] = [];
  const outOfRange: string[] = [];
  const errors: KafkaError[] = [];
  const settings = { isolation: "readCommitted", maxWait: 500, maxBytes: 1 << 24, partitionMaxBytes: 1 << 20 } as const;
  const fetcher = new Fetcher(
    kafka.cluster,
    { ...settings, ...options.fetcher },
    {
      fetched: (chunk) => {
        const batch = fetcher.read(chunk);
        if (batch !== undefined) batches.push(batch);
      },
      outOfRange: ({ topic, partition }, offset) => void outOfRange.push(`${topic}/${partition} at ${offset}`),
      failed: (_partition, error) => void errors.push(error),
    },
  );
  t.after(async () => fetcher.close());
  const producer = bench.client().producer();
  return {
    ...bench,
    ...{ fetcher, batches, outOfRange, errors },
    came: (wanted) =>
      batches
        .filter(({ partition }) => partition === wanted)
        .flatMap(({ records }) => records.map(({ value }) => text.decode(value!))),
    send: async (partition, ...values) => {
      await bench.run(producer.sendMany(values.map((value) => ({ topic: "t", partition, value }))));
    },
  };
}
