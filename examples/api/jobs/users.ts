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

// A variant: shares connections.
const reliable = app.producer.with({ acks: "all", compression: "gzip", deliveryTimeout: "30s" });

export const updateUser = app.job<UpdateUser>({
  name: "update-user",
  queue: "users",
  partitioner: (job) => job.payload.userId,
  partitionKeyType: "key",
  producer: (job) => (job.payload.urgent ? reliable : app.producer),
  dispatchMethod: "produceSync",
  version: 2,
  upgrade: (payload, from) =>
    from === 1 ? { attributes: {}, ...(payload as { userId: number }) } : (payload as never),
  async perform(payload, job) {
    job.signal.throwIfAborted();
    const names = users.get(payload.userId) ?? [];
    users.set(payload.userId, [...names, payload.attributes.name ?? ""]);
    tenants.set(job.id, [job.headers.tenant, tenantStorage.getStore()]);
    job.log.debug("updated", { topic: job.topic, partition: job.partition, offset: job.offset });
  },
});
