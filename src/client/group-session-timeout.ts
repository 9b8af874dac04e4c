import { describeConfigs } from "../../protocol/messages/32-describe-configs.ts";
import type { Connection } from "../net/connection.ts";
import { formatAddress } from "../net/transport.ts";
import type { Cluster } from "./cluster.ts";
import type { Coordinator } from "./coordinator.ts";
import { KafkaError } from "./errors.ts";

const BROKER = 4;
const GROUP = 32;
/** Longest wait (ms) for an answer: who joins waits for it. */
const TIMEOUT = 5_000;

/**
 * Milliseconds after which the coordinator takes a silent member of the group for dead (KIP-848): the group's own
 * setting, else the broker's. Undefined where this client may not ask, or the broker does not say. Rejects where nobody
 * answers.
 */
export async function groupSessionTimeout(cluster: Cluster, coordinator: Coordinator): Promise<number | undefined> {
  const connection = await coordinator.connection("general");
  if (!connection.supports(describeConfigs)) return undefined;
  const ofGroup = await askFor(connection, GROUP, coordinator.key, "consumer.session.timeout.ms");
  if (ofGroup !== undefined) return ofGroup;
  const nodeId = nodeAt(cluster, connection) ?? (await cluster.refresh().then(() => nodeAt(cluster, connection)));
  if (nodeId === undefined) return undefined;
  return askFor(connection, BROKER, String(nodeId), "group.consumer.session.timeout.ms");
}

function nodeAt(cluster: Cluster, { broker }: Connection): number | undefined {
  return [...cluster.metadata.nodes].find(([, address]) => formatAddress(address) === broker)?.[0];
}

async function askFor(
  connection: Connection,
  resourceType: number,
  resourceName: string,
  name: string,
): Promise<number | undefined> {
  const resources = [{ resourceType, resourceName, configurationKeys: [name] }];
  try {
    const { results } = await connection.send(describeConfigs, { resources }, { timeout: TIMEOUT });
    const value = Number(results[0]?.configs.find((config) => config.name === name)?.value ?? Number.NaN);
    return value > 0 ? value : undefined;
  } catch (error) {
    // A broker that cannot read the question says so by closing; one that is gone will be missed by the heartbeat.
    if (error instanceof KafkaError && !error.retriable) return undefined;
    throw error;
  }
}
