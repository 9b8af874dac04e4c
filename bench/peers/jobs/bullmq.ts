import { redisUrl } from "../addresses.ts";
import { CONCURRENCY, type JobSystem, type PeerPayload } from "../job-system.ts";
import { loadPackage } from "../packages/load-package.ts";

interface BullMq {
  readonly Queue: new (
    name: string,
    options: object,
  ) => {
    addBulk(jobs: readonly object[]): Promise<unknown>;
    add(name: string, data: PeerPayload, options: object): Promise<unknown>;
    obliterate(options: object): Promise<unknown>;
    close(): Promise<unknown>;
  };
  readonly Worker: new (
    name: string,
    perform: (job: { readonly data: PeerPayload }) => Promise<void>,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>;
    close(): Promise<unknown>;
  };
}

interface IoRedis {
  readonly default: new (url: string, options: object) => { quit(): Promise<unknown> };
}

/** In Redis, without order by key; what is done is removed. */
export async function open(name: string): Promise<JobSystem> {
  const { Queue, Worker } = await loadPackage<BullMq>("bullmq");
  const { default: Redis } = await loadPackage<IoRedis>("ioredis");
  const connection = new Redis(redisUrl(), { maxRetriesPerRequest: null });
  const queue = new Queue(name, { connection });
  const opts = { removeOnComplete: true, removeOnFail: true };
  return {
    bulk: (payloads) => queue.addBulk(payloads.map((data) => ({ name: "peer", data, opts }))),
    single: (payload) => queue.add("peer", payload, opts),
    async work(perform) {
      const worker = new Worker(name, async ({ data }) => perform(data), { connection, concurrency: CONCURRENCY });
      await worker.waitUntilReady();
      return async () => {
        await worker.close();
        await queue.obliterate({ force: true });
      };
    },
    async close() {
      await queue.close();
      await connection.quit();
    },
  };
}
