import { app } from "../app.ts";

export interface UpdateUser {
  userId: number;
  attributes: Record<string, string>;
}

/** What a CRM would have in the end: the last attributes of each user. */
export const users: Map<number, string[]> = new Map();

export const updateUser = app.job<UpdateUser>({
  name: "update-user",
  queue: "users",
  partitioner: (job) => job.payload.userId,
  partitionKeyType: "key",
  dispatchMethod: "produceSync",
  async perform(payload, job) {
    job.signal.throwIfAborted();
    const names = users.get(payload.userId) ?? [];
    users.set(payload.userId, [...names, payload.attributes.name ?? ""]);
    job.log.debug("updated", { topic: job.topic, partition: job.partition, offset: job.offset });
  },
});
