import { describeConfigs } from "../../protocol/messages/32-describe-configs.ts";
import type { Cluster } from "./cluster.ts";
import { within } from "./within.ts";

const TOPIC = 2;
const NAME = "max.message.bytes";
/** An error that could say more is not held up for longer (ms). */
const PATIENCE = 1_000;

/** The topic's limit of a batch's size, for an error's text: undefined where no broker tells it soon. */
export function maxMessageBytes(cluster: Cluster, topic: string): Promise<number | undefined> {
  return within(
    cluster.clock,
    PATIENCE,
    ask(cluster, topic).catch(() => undefined),
    () => undefined,
  );
}

async function ask(cluster: Cluster, topic: string): Promise<number | undefined> {
  const connection = await cluster.any("general");
  const resources = [{ resourceType: TOPIC, resourceName: topic, configurationKeys: [NAME] }];
  const { results } = await connection.send(describeConfigs, { resources });
  const value = results[0]?.configs.find(({ name }) => name === NAME)?.value;
  return value === undefined || value === null ? undefined : Number(value);
}
