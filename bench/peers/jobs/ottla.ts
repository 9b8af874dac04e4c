import { createApp } from "ottla";
import { CONCURRENCY, type JobSystem, type PeerPayload } from "../job-system.ts";

const KEYS = 1_000;

/** Ordered by key, each acknowledged by all in-sync replicas; the queue is a topic that is there. */
export async function open(queue: string): Promise<JobSystem> {
  const app = createApp({ group: queue });
  let run = (_payload: PeerPayload): void => {};
  const job = app.job<PeerPayload>({
    name: "peer",
    queue,
    partitioner: ({ payload }) => payload.id % KEYS,
    perform: (payload) => run(payload),
  });
  return {
    bulk: (payloads) => app.performAllLater(payloads.map((payload) => job.of(payload))),
    single: (payload) => job.performLater(payload),
    async work(perform) {
      run = perform;
      const assigned = new Promise<void>((resolve) => void app.on("assigned", () => resolve()));
      const worker = await app.work({ concurrency: CONCURRENCY });
      await assigned;
      return () => worker.close();
    },
    close: () => app.close(),
  };
}
