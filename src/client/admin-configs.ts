import {
  type DescribeConfigsResourceResult,
  describeConfigs as describeConfigsApi,
} from "../../protocol/messages/32-describe-configs.ts";
import { incrementalAlterConfigs } from "../../protocol/messages/44-incremental-alter-configs.ts";
import type { Connection } from "../net/connection.ts";
import type { AdminCalls, Ask } from "./admin-calls.ts";
import { refuseFailed } from "./admin-outcomes.ts";
import { InvalidArgumentError, KafkaError } from "./errors.ts";
import { groupBy } from "./group-by.ts";

/** What has settings: a topic or a group by its name, a broker by its id as text. */
export interface ConfigResource {
  readonly type: "topic" | "broker" | "group";
  readonly name: string;
}

/** One setting. */
export interface ConfigEntry {
  readonly name: string;
  /** Null where it is not set, or a secret. */
  readonly value: string | null;
  /** Where the value comes from. */
  readonly source: "own" | "broker" | "cluster" | "file" | "default" | "unknown";
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
}

export interface ConfigDescription extends ConfigResource {
  /** By name. */
  readonly entries: ReadonlyMap<string, ConfigEntry>;
}

/** Changes of one resource's settings; what is not named stays as it is (KIP-339). */
export interface ConfigChanges extends ConfigResource {
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Back to the default. */
  readonly reset?: readonly string[] | undefined;
  /** To add to lists, comma-separated, as `{ "cleanup.policy": "compact" }`. */
  readonly append?: Readonly<Record<string, string>> | undefined;
  /** To take out of lists. */
  readonly subtract?: Readonly<Record<string, string>> | undefined;
}

const TYPES: Readonly<Record<ConfigResource["type"], number>> = { topic: 2, broker: 4, group: 32 };
/** Kafka's numbers: 1 topic, 2 broker, 3 all brokers, 4 the broker's file, 5 default, 8 group. */
const SOURCES: readonly (ConfigEntry["source"] | undefined)[] = [
  ...([undefined, "own", "broker", "cluster", "file", "default"] as const),
  ...([undefined, undefined, "own"] as const),
];
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** The settings of each resource. One error names every resource that failed. */
export async function describeConfigs(
  calls: AdminCalls,
  resources: readonly ConfigResource[],
): Promise<ConfigDescription[]> {
  const found = await Promise.all(
    routes(resources).map(({ nodeId, list }) => route(calls, nodeId, (connection) => describe(connection, list))),
  );
  const byKey = new Map(found.flat().map((one) => [keyOf(one), one]));
  return resources.map((resource) => byKey.get(keyOf(resource))!);
}

async function describe(connection: Connection, resources: readonly ConfigResource[]): Promise<ConfigDescription[]> {
  const { results } = await connection.send(describeConfigsApi, {
    resources: resources.map(({ type, name }) => ({
      resourceType: TYPES[type],
      resourceName: name,
      configurationKeys: null,
    })),
  });
  refuseFailed(results, ({ resourceName }) => ({ what: `settings of ${resourceName}` }), connection.broker);
  return resources.map(({ type, name }) => {
    const result = results.find((one) => one.resourceType === TYPES[type] && one.resourceName === name);
    if (result !== undefined) return { type, name, entries: new Map(result.configs.map(toEntry)) };
    throw new KafkaError("MISSING_ANSWER", `the broker's answer lacks the settings of ${type} ${name}`, true, {
      broker: connection.broker,
    });
  });
}

function toEntry(result: DescribeConfigsResourceResult): readonly [string, ConfigEntry] {
  const { name, value, configSource, readOnly, isSensitive } = result;
  return [name, { name, value, source: SOURCES[configSource] ?? "unknown", isReadOnly: readOnly, isSensitive }];
}

/** Changes settings. One error names every resource that failed; the others are changed. */
export async function alterConfigs(
  calls: AdminCalls,
  changes: readonly ConfigChanges[],
  validateOnly: boolean,
): Promise<void> {
  await Promise.all(
    routes(changes).map(({ nodeId, list }) =>
      route(calls, nodeId, (connection) => alter(connection, list, validateOnly)),
    ),
  );
}

async function alter(connection: Connection, changes: readonly ConfigChanges[], validateOnly: boolean): Promise<void> {
  const { responses } = await connection.send(incrementalAlterConfigs, {
    resources: changes.map(({ type, name, set = {}, reset = [], append = {}, subtract = {} }) => ({
      resourceType: TYPES[type],
      resourceName: name,
      configs: [
        ...operations(SET, set),
        ...reset.map((key) => ({ name: key, configOperation: DELETE, value: null })),
        ...operations(APPEND, append),
        ...operations(SUBTRACT, subtract),
      ],
    })),
    validateOnly,
  });
  refuseFailed(responses, ({ resourceName }) => ({ what: `change settings of ${resourceName}` }), connection.broker);
}

function operations(configOperation: number, values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([name, value]) => ({ name, configOperation, value }));
}

/** A broker's own settings are its own business; the rest is everybody's. */
function routes<T extends ConfigResource>(resources: readonly T[]): { nodeId: number | undefined; list: T[] }[] {
  const byNode = groupBy(resources, (resource) => {
    if (!Object.hasOwn(TYPES, resource.type)) {
      const known = Object.keys(TYPES).join(", ");
      throw new InvalidArgumentError(`type ${JSON.stringify(resource.type)} of a resource: one of ${known} is wanted`);
    }
    const nodeId = resource.type === "broker" && resource.name !== "" ? Number(resource.name) : undefined;
    if (nodeId !== undefined && !Number.isInteger(nodeId)) {
      throw new InvalidArgumentError(`broker ${JSON.stringify(resource.name)}: a node id as text is wanted`);
    }
    return nodeId;
  });
  return [...byNode].map(([nodeId, list]) => ({ nodeId, list }));
}

function route<T>(calls: AdminCalls, nodeId: number | undefined, ask: Ask<T>): Promise<T> {
  return nodeId === undefined ? calls.controller(ask) : calls.node(nodeId, ask);
}

function keyOf({ type, name }: ConfigResource): string {
  return `${type}/${name}`;
}
