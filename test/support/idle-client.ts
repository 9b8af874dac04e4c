/**
 * A process that uses the client and is then left to itself. Arguments: the broker's address and what to do. It says
 * "done" and must end by itself, for nothing is closed.
 */
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { Kafka } from "../../src/client/kafka.ts";

const [address, action] = process.argv.slice(2) as [string, string];
const kafka = new Kafka({ brokers: [address], requestTimeout: 2_000 });

const actions: Readonly<Record<string, () => Promise<unknown>>> = {
  list: () => kafka.admin().listTopics(),
  send: () => kafka.producer().send({ topic: "t", value: "x" }),
  sendUnacknowledged: async () => {
    const producer = kafka.producer({ acks: "none" });
    for (let i = 0; i < 20; i++) void producer.send({ topic: "t", value: "x".repeat(100_000) });
    await producer.flush();
    await kafka.close();
  },
  /** The answer never comes, and another has come since it was asked: the connection stays open. */
  giveUp: async () => {
    const connection = await kafka.cluster.any("general");
    const ask = (groupId: string, timeout: number): Promise<unknown> =>
      connection.send(heartbeat, { groupId, generationId: 1, memberId: "m" }, { timeout });
    const answered = ask("answered", 2_000);
    await Promise.allSettled([ask("mute", 200), answered]);
    if (connection.cause !== undefined) throw connection.cause;
  },
};

await actions[action]!();
console.log("done");
