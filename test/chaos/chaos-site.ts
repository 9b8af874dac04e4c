import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { startBroker } from "ottla/broker";
import { Kafka } from "../../src/client/kafka.ts";
import { startFaultCluster } from "../kill/fault-cluster.ts";
import { readStoredOffsets, watchStoredOffsets } from "../kill/stored-offsets.ts";
import { until } from "../kill/until.ts";
import type { LedgerEntry } from "../support/ledger.ts";

/** Brokers, numbered from 1, and what can be done to them. */
export interface ChaosSite {
  readonly brokers: readonly string[];
  /** What they are, as a reader of the report has it. */
  readonly version: string;
  kill(broker: number): Promise<void>;
  /** In good order. */
  stop(broker: number): Promise<void>;
  start(broker: number): Promise<void>;
  /** Undefined: these cannot be stopped where they are. */
  readonly pause?: (broker: number) => Promise<void>;
  readonly resume?: (broker: number) => Promise<void>;
  /** Every offset that was stored for the group, in order. */
  storedOffsets(kafka: Kafka, group: string): Promise<readonly LedgerEntry[]>;
  close(): Promise<void>;
}

/** The brokers are not as they should be: that says nothing of what runs on them. */
export class SiteError extends Error {
  override readonly name: string = "SiteError";

  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

export const BROKERS = 3;
/** Milliseconds. */
const PATIENCE = 120_000;
const MOST_STARTS = 4;
/** Milliseconds, of the in-process broker. */
const SESSION = 3_000;

export interface ClusterChoice {
  readonly script: string;
  readonly port: number;
  /** Of Kafka. Default: the script's own. */
  readonly version?: string | undefined;
}

/** Real brokers, in a folder of their own. What a run that was broken off has left there is stopped first. */
export async function realSite({ script, port, version }: ClusterChoice, folder: string): Promise<ChaosSite> {
  process.env.KAFKA_CLUSTER_PORT = String(port);
  if (version !== undefined) process.env.KAFKA_VERSION = version;
  const cluster = await startFaultCluster(script, BROKERS, folder);
  // A script may not have the patience that a busy machine needs, and some connection may have got one of the ports.
  const start = async (broker: number): Promise<void> => {
    const address = cluster.brokers[broker - 1]!;
    for (let tries = 1; ; tries++) {
      const failure = await cluster.start(broker).then(
        () => `broker ${broker} answers`,
        (error: Error) => error.message,
      );
      try {
        return await until(
          () => failure,
          PATIENCE,
          () => answers(address),
          1_000,
        );
      } catch (error) {
        if (tries === MOST_STARTS) throw new SiteError(`broker ${broker} cannot be started again`, error);
        await cluster.kill(broker).catch(() => {});
      }
    }
  };
  return {
    ...cluster,
    start,
    version: `Apache Kafka ${version ?? versionIn(folder)}`,
    storedOffsets: readStoredOffsets,
  };
}

async function answers(broker: string): Promise<boolean> {
  const kafka = new Kafka({ brokers: [broker], connectTimeout: 2_000, requestTimeout: 2_000 });
  try {
    await kafka.admin().describeCluster();
    return true;
  } catch {
    return false;
  } finally {
    await kafka.close();
  }
}

/** As the script notes it. */
function versionIn(folder: string): string {
  try {
    return /version=(\S+)/.exec(readFileSync(join(folder, "settings"), "utf8"))![1]!;
  } catch {
    return "of the script's choice";
  }
}

/** Nodes of the in-process broker. A kill is as a stop is: their connections end, and they remember everything. */
export async function inProcessSite(): Promise<ChaosSite> {
  const broker = await startBroker({
    ...{ port: 0, nodes: BROKERS, minSessionTimeout: 1_000 },
    ...{ groupConsumerSessionTimeout: SESSION, groupConsumerHeartbeatInterval: SESSION / 6 },
  });
  const stored = watchStoredOffsets(broker);
  return {
    brokers: broker.addresses,
    version: "the in-process broker",
    kill: (node) => broker.faults.stop(node),
    stop: (node) => broker.faults.stop(node),
    start: (node) => broker.faults.start(node),
    storedOffsets: async (_kafka, group) => stored(group),
    close: () => broker.close(),
  };
}
