import { Discard, RetryLater } from "ottla";
import { app, tenantStorage } from "../app.ts";

export interface UpdateUser {
  userId: number;
  attributes: Record<string, string>;
  urgent?: boolean;
}

/** What a CRM would have in the end: the last attributes of each user. */
export const users: Map<number, string[]> = new Map();
/** By the id of the job: on whose behalf it ran, and where that was said. */
export const tenants: Map<string, [header: string | undefined, context: string | undefined]> = new Map();

let times = 0;

// A variant: shares connections.
const reliable = app.producer.with({ acks: "all", compression: "gzip", deliveryTimeout: "30s" });

export const updateUser = app.job<UpdateUser>({
  name: "update-user",
  queue: "users",
  partitioner: (job) => job.payload.userId,
  partitionKeyType: "key",
  producer: (job) => (job.payload.urgent ? reliable : app.producer),
  scheduledMessagesTopic: "scheduled_jobs",
  dispatchMethod: "produceSync",
  version: 2,
  upgrade: (payload, from) =>
    from === 1 ? { attributes: {}, ...(payload as { userId: number }) } : (payload as never),
  retryOn: [{ errors: [{ name: "TimeoutError" }], wait: "polynomiallyLonger", attempts: 5, jitter: 0.15 }],
  discardOn: [{ errors: [RangeError] }],
  afterDiscard(job, error) {
    console.warn(`${job.name} of user ${job.payload?.userId} is discarded: ${(error as Error).message}`);
  },
  timeout: "30s",
  async perform(payload, job) {
    job.signal.throwIfAborted();
    if (payload.userId < 0) throw new Discard("user is gone");
    if (payload.userId === 429 && times++ === 0) throw new RetryLater({ wait: "100ms" }); // counts no attempt
    const names = users.get(payload.userId) ?? [];
    users.set(payload.userId, [...names, payload.attributes.name ?? ""]);
    tenants.set(job.id, [job.headers.tenant, tenantStorage.getStore()]);
    job.log.debug("updated", { topic: job.topic, partition: job.partition, offset: job.offset });
  },
});
