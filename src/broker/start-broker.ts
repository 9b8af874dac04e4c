import { type Clock, systemClock } from "../net/clock.ts";
import { tcp } from "../net/tcp.ts";
import { formatAddress, type ListeningTransport, type ListenTlsOptions } from "../net/transport.ts";
import { webDigest } from "../net/web-digest.ts";
import { Authentication } from "./authentication.ts";
import { Broker, BrokerError } from "./broker.ts";
import type { BrokerEvent } from "./broker-event.ts";
import { BrokerNode } from "./broker-node.ts";
import { ClusterState, type NodeState } from "./cluster-state.ts";
import type { MigrationPolicy } from "./consumer-group-core.ts";
import { Faults } from "./faults.ts";
import { type FeatureLevels, featureComplaint } from "./features.ts";
import { FetchSessionCache } from "./fetch-session-cache.ts";
import { groupDefaults } from "./groups.ts";
import { handlers } from "./handlers/handlers.ts";
import { logUpkeepDefaults } from "./log-upkeep.ts";
import { RequestFaults } from "./request-faults.ts";
import { type BrokerSaslOptions, SaslServer } from "./sasl-server.ts";
import { type Storage, StorageError } from "./storage.ts";
import { configComplaint, type TopicConfigs } from "./topic-configs.ts";

export interface BrokerOptions {
  /** Where to listen. Default "127.0.0.1"; "0.0.0.0" for all interfaces. */
  readonly host?: string | undefined;
  /** The host that clients are told to connect to. Default `host`, and "localhost" where that is all interfaces. */
  readonly advertisedHost?: string | undefined;
  /** Default 9092; 0 picks a free one. Further nodes take the ports that follow. */
  readonly port?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly transport?: ListeningTransport | undefined;
  /** Speaks TLS, by this certificate. Default: plain text. */
  readonly tls?: ListenTlsOptions | undefined;
  /** Who may use the broker. Default: anyone. */
  readonly sasl?: BrokerSaslOptions | undefined;
  /** How long clients may go on until they have to authenticate again, in ms (`connections.max.reauth.ms`). Default: for ever. */
  readonly reauthenticate?: number | undefined;
  /** Default: an id by which apps know that this is no real cluster, so that they create the topics they name. */
  readonly clusterId?: string | undefined;
  /** How many broker nodes to run, with ids from 1 and all state shared. Default 1. */
  readonly nodes?: number | undefined;
  /**
   * Where each node stands (`broker.rack`), in the order of their ids. A consumer that names its own rack is then sent
   * to a replica in it (KIP-392). Default: nowhere.
   */
  readonly racks?: readonly string[] | undefined;
  /** Whether a client that asks for a topic creates it. Default false. */
  readonly autoCreateTopics?: boolean | undefined;
  /** Partitions of a topic for which nothing else was said. Default 3. */
  readonly defaultPartitions?: number | undefined;
  /** Replicas of a topic for which nothing else was said. Default 3, or as many as there are nodes. */
  readonly defaultReplicationFactor?: number | undefined;
  /** Topic configuration for topics that say nothing else, by Kafka's names, values as text. */
  readonly topicDefaults?: TopicConfigs | undefined;
  /**
   * What is switched on, as `kafka-features.sh` does. Default: all of it, `{ "group.version": 1, "transaction.version": 2 }`;
   * 0 makes a broker as clients find one that was upgraded and not yet finalized.
   */
  readonly features?: FeatureLevels | undefined;
  /** How long a group's first rebalance waits for more members, in ms (`group.initial.rebalance.delay.ms`). Default 0. */
  readonly groupInitialRebalanceDelay?: number | undefined;
  /** The shortest session timeout that a member may have, in ms (`group.min.session.timeout.ms`). Default 6000. */
  readonly minSessionTimeout?: number | undefined;
  /** The longest, in ms (`group.max.session.timeout.ms`). Default 1800000. */
  readonly maxSessionTimeout?: number | undefined;
  /** Without a heartbeat for this long, a member of a consumer group is out, in ms (`group.consumer.session.timeout.ms`). Default 45000. */
  readonly groupConsumerSessionTimeout?: number | undefined;
  /** How often members of consumer groups are told to send one, in ms (`group.consumer.heartbeat.interval.ms`). Default 5000. */
  readonly groupConsumerHeartbeatInterval?: number | undefined;
  /**
   * The least time between two assignments of a consumer group, in ms (`group.consumer.assignment.interval.ms`, which
   * Kafka has from 4.3 on, by default 1000: a member that joins may be given nothing at first). Default 0.
   */
  readonly groupConsumerAssignmentInterval?: number | undefined;
  /**
   * Whether groups with members may change to the consumer protocol and back (`group.consumer.migration.policy`).
   * Default "bidirectional".
   */
  readonly groupConsumerMigrationPolicy?: MigrationPolicy | undefined;
  /** How many members a group may have (`group.max.size`, `group.consumer.max.size`). Default: any number. */
  readonly groupMaxSize?: number | undefined;
  /** The longest timeout that a transaction may have, in ms (`transaction.max.timeout.ms`). Default 900000. */
  readonly transactionMaxTimeout?: number | undefined;
  /** How long a transactional id is kept that nobody uses, in ms (`transactional.id.expiration.ms`). Default 7 days. */
  readonly transactionalIdExpiration?: number | undefined;
  /**
   * How long offsets are kept of groups that nobody is in, and of topics that nobody in a group wants, in ms
   * (`offsets.retention.minutes`). Default 7 days.
   */
  readonly offsetsRetention?: number | undefined;
  /** The largest request that is believed, in bytes (`socket.request.max.bytes`). Default 104857600. */
  readonly maxRequestBytes?: number | undefined;
  /** How many fetch sessions a node keeps (`max.incremental.fetch.session.cache.slots`). Default 1000; 0: none. */
  readonly fetchSessionSlots?: number | undefined;
  /**
   * The folder that everything is kept in beyond the life of the process: topics with their records and settings,
   * offsets and groups, producers and transactions, and the cluster's id. It is made where there is none, and used by one
   * process at a time. What a client was told is kept is there even if the process is killed: all of it is with the
   * operating system by then, as with Kafka's own defaults. Default: in memory.
   */
  readonly data?: string | undefined;
  /** Keeps everything somewhere else than in a folder. */
  readonly storage?: Storage | undefined;
  /** How often records that are too old are looked for, in ms (`log.retention.check.interval.ms`). Default 300000. */
  readonly retentionCheckInterval?: number | undefined;
  /** How often logs to compact are looked for, in ms (`log.cleaner.backoff.ms`). Default 15000. */
  readonly cleanerBackoff?: number | undefined;
  /** Is told of connections that were refused and requests that failed. Default: nobody is. */
  readonly log?: ((event: BrokerEvent) => void) | undefined;
}

const ALL_INTERFACES: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * Starts a Kafka broker in this process. Without `data` it keeps everything in memory and is gone with it.
 *
 * Throws a {@link BrokerError}: INVALID_CONFIG for options that cannot be; where the address cannot be listened on, the
 * code of the cause, such as EADDRINUSE; for `data`, LOCKED where another process uses the folder, DAMAGED where a file
 * in it is not what was written, and UNAVAILABLE where it cannot be read or written.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { host = "127.0.0.1", port = 9092, nodes: nodeCount = 1, transport = tcp } = options;
  check(options, nodeCount, port);
  const advertisedHost = options.advertisedHost ?? (ALL_INTERFACES.has(host) ? "localhost" : host);
  const states: NodeState[] = Array.from({ length: nodeCount }, (_, i) => {
    return {
      nodeId: i + 1,
      host: advertisedHost,
      port: port === 0 ? 0 : port + i,
      isUp: true,
      rack: options.racks?.[i],
    };
  });
  const cluster = await openCluster(options, states);
  const faults = new RequestFaults();
  const { maxRequestBytes = 100 * 1024 * 1024, log = () => undefined } = options;
  const authentication = authentications(options, cluster.clock);
  const nodes = states.map((state) => {
    const fetchSessions = new FetchSessionCache(cluster.clock, options.fetchSessionSlots ?? 1000);
    const { nodeId } = state;
    const parts = { cluster, nodeId, faults, fetchSessions, maxRequestBytes, log, authentication };
    return new BrokerNode(state, host, transport, parts, options.tls);
  });
  try {
    await startAll(nodes, states, host);
  } catch (error) {
    cluster.close();
    throw error;
  }
  const apis = new Set([...handlers.values()].map((handler) => handler.api.name));
  return new Broker(cluster, nodes, faults, new Faults(faults, cluster, nodes, apis));
}

/** Makes what every new connection has to go through. */
function authentications(options: BrokerOptions, clock: Clock): (() => Authentication) | undefined {
  const { sasl, reauthenticate = 0 } = options;
  if (sasl === undefined) return undefined;
  const server = new SaslServer(sasl, clock, sasl.digest ?? webDigest);
  return () => new Authentication(server, clock, reauthenticate);
}

async function openCluster(options: BrokerOptions, states: readonly NodeState[]): Promise<ClusterState> {
  const { data, clock = systemClock } = options;
  let storage = options.storage;
  try {
    if (data !== undefined) {
      // Loaded when it is wanted, so that a broker in memory runs where there are no files.
      const { openFileStorage } = await import("./file-storage.ts");
      storage = openFileStorage(data, clock.uuid());
    }
    return createCluster(options, states, storage);
  } catch (error) {
    storage?.close();
    if (error instanceof StorageError) throw new BrokerError(error.code, error.message, { cause: error });
    throw error;
  }
}

function createCluster(
  options: BrokerOptions,
  states: readonly NodeState[],
  storage: Storage | undefined,
): ClusterState {
  const settings = {
    storage,
    logs: {
      retentionCheckMs: options.retentionCheckInterval ?? logUpkeepDefaults.retentionCheckMs,
      cleanerBackoffMs: options.cleanerBackoff ?? logUpkeepDefaults.cleanerBackoffMs,
      failed: (message: string, cause: unknown) => options.log?.({ kind: "failed", nodeId: -1, message, cause }),
    },
    clock: options.clock ?? systemClock,
    clusterId: options.clusterId,
    autoCreateTopics: options.autoCreateTopics ?? false,
    defaultPartitions: options.defaultPartitions ?? 3,
    defaultReplicationFactor: options.defaultReplicationFactor ?? Math.min(3, states.length),
    topicDefaults: options.topicDefaults ?? {},
    features: options.features ?? {},
    transactionMaxTimeoutMs: options.transactionMaxTimeout ?? 900_000,
    transactionalIdExpirationMs: options.transactionalIdExpiration ?? 7 * 24 * 60 * 60 * 1000,
    groups: {
      initialRebalanceDelayMs: options.groupInitialRebalanceDelay ?? groupDefaults.initialRebalanceDelayMs,
      minSessionTimeoutMs: options.minSessionTimeout ?? groupDefaults.minSessionTimeoutMs,
      maxSessionTimeoutMs: options.maxSessionTimeout ?? groupDefaults.maxSessionTimeoutMs,
      consumerSessionTimeoutMs: options.groupConsumerSessionTimeout ?? groupDefaults.consumerSessionTimeoutMs,
      consumerHeartbeatIntervalMs: options.groupConsumerHeartbeatInterval ?? groupDefaults.consumerHeartbeatIntervalMs,
      consumerAssignmentIntervalMs:
        options.groupConsumerAssignmentInterval ?? groupDefaults.consumerAssignmentIntervalMs,
      migrationPolicy: options.groupConsumerMigrationPolicy ?? groupDefaults.migrationPolicy,
      maxSize: options.groupMaxSize ?? groupDefaults.maxSize,
      offsetMetadataMaxBytes: groupDefaults.offsetMetadataMaxBytes,
      offsetsRetentionMs: options.offsetsRetention ?? groupDefaults.offsetsRetentionMs,
    },
  };
  return new ClusterState(settings, states);
}

function check(options: BrokerOptions, nodes: number, port: number): void {
  if (!Number.isInteger(nodes) || nodes < 1) throw invalid(`nodes is ${nodes}: a broker has at least one node`);
  if (!Number.isInteger(port) || port < 0 || port + nodes - 1 > 65_535) {
    throw invalid(`port is ${port}: with ${nodes} nodes it has to be from 0 to ${65_536 - nodes}`);
  }
  if (options.racks !== undefined && options.racks.length !== nodes) {
    throw invalid(`racks has ${options.racks.length} entries: one for each of the ${nodes} nodes is needed`);
  }
  if (options.data === "") throw invalid("data is empty: it has to be a folder");
  if (options.data !== undefined && options.storage !== undefined) throw invalid("data and storage are both given");
  if (options.sasl !== undefined && options.sasl.users === undefined && options.sasl.token === undefined) {
    throw invalid("sasl has neither users nor token: nobody could use the broker");
  }
  const { reauthenticate = 0 } = options;
  if (!(reauthenticate === 0 || reauthenticate >= 1_000)) {
    throw invalid(`reauthenticate is ${reauthenticate}: at least 1000 ms, or 0 for never`);
  }
  for (const [name, value] of Object.entries(options.topicDefaults ?? {})) {
    const complaint = configComplaint(name, value);
    if (complaint !== undefined) throw invalid(`topicDefaults: ${complaint}`);
  }
  for (const [name, level] of Object.entries(options.features ?? {})) {
    const complaint = level === undefined ? undefined : featureComplaint(name, level);
    if (complaint !== undefined) throw invalid(`features: ${complaint}`);
  }
}

function invalid(message: string): BrokerError {
  return new BrokerError("INVALID_CONFIG", message);
}

async function startAll(nodes: readonly BrokerNode[], states: readonly NodeState[], host: string): Promise<void> {
  for (const [i, node] of nodes.entries()) {
    try {
      await node.start();
    } catch (cause) {
      await Promise.all(nodes.map((one) => one.stop()));
      const where = formatAddress({ host, port: states[i]!.port });
      const why = cause instanceof Error ? cause.message : String(cause);
      const code = (cause as { code?: string } | null)?.code ?? "LISTEN_FAILED";
      throw new BrokerError(code, `cannot listen on ${where}: ${why}. Choose another port, or 0 for any.`, { cause });
    }
  }
}
