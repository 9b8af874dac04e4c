import assert from "node:assert/strict";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { Consumer } from "../../src/client/mod.ts";
import { conformanceTest, type Declare, type TestCluster } from "./conformance-test.ts";
import { consumerOf, values } from "./reading.ts";
import type { Target } from "./target.ts";

/** Milliseconds until a pattern is matched anew. */
const MAX_AGE = 300;

/** Subscriptions by pattern, by every protocol that the target has. */
export function patternConformance(target: Target): void {
  for (const groupProtocol of target.groupProtocols) {
    const declare = conformanceTest(target);
    followConformance((name, run) => declare(`${name}, ${groupProtocol} protocol`, run), groupProtocol);
  }
}

/** Records as they come, to be waited for by their values. */
function collect(consumer: Consumer): { readonly came: string[]; until(value: string): Promise<void> } {
  const came: string[] = [];
  let wake = (): void => {};
  const reading = (async () => {
    for await (const batch of consumer) {
      for (const value of values(batch.records)) came.push(value!);
      await consumer.commit(batch);
      wake();
    }
    throw new Error("the consumer ended");
  })();
  reading.catch(() => {});
  const until = async (value: string): Promise<void> => {
    while (!came.includes(value)) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([woken, reading]);
    }
  };
  return { came, until };
}

function followConformance(test: Declare, groupProtocol: GroupProtocol): void {
  const subscribe = (cluster: TestCluster, pattern: RegExp): ReturnType<typeof collect> =>
    collect(consumerOf(cluster, { topics: [pattern], groupProtocol, metadataMaxAge: MAX_AGE }));

  test("a pattern follows topics that are created and deleted, and the others are read on", async (cluster) => {
    const prefix = cluster.ownTopic("pattern");
    const admin = cluster.kafka().admin();
    const producer = cluster.kafka().producer();
    const create = async (name: string): Promise<string> => {
      const topic = cluster.ownTopic(`pattern-${name}`);
      await admin.createTopics([{ name: topic, partitions: 2 }]);
      return topic;
    };
    const [a, other] = [await create("a"), await create("other")];
    const { came, until } = subscribe(cluster, /^conformance-pattern-[abc]-/g);
    await producer.send({ topic: a, value: `${prefix} a1` });
    await producer.send({ topic: other, value: `${prefix} never` });
    await until(`${prefix} a1`);
    const b = await create("b");
    await producer.send({ topic: b, value: `${prefix} b1` });
    await until(`${prefix} b1`);
    await admin.deleteTopics([a]);
    const c = await create("c");
    await producer.send({ topic: c, value: `${prefix} c1` });
    await until(`${prefix} c1`);
    await producer.send({ topic: b, value: `${prefix} b2` });
    await until(`${prefix} b2`);
    assert.deepEqual(
      came.filter((value) => value.startsWith(prefix)),
      ["a1", "b1", "c1", "b2"].map((value) => `${prefix} ${value}`),
    );
  });

  test("a pattern that matches nothing yet waits, and so does one that matches nothing any more", async (cluster) => {
    const name = cluster.ownTopic("later");
    const { until } = subscribe(cluster, new RegExp(`^${name}$`, "y"));
    const admin = cluster.kafka().admin();
    const producer = cluster.kafka().producer();
    await cluster.kafka().admin().listTopics();
    await admin.createTopics([{ name, partitions: 1 }]);
    await producer.send({ topic: name, value: "one" });
    await until("one");
    await admin.deleteTopics([name]);
    await admin.createTopics([{ name, partitions: 3 }]);
    await producer.send({ topic: name, partition: 2, value: "two" });
    await until("two");
  });
}
