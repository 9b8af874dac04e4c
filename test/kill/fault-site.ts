import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, type TestContext } from "node:test";
import { startBroker } from "ottla/broker";
import type { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { type FaultCluster, startFaultCluster } from "./fault-cluster.ts";
import { readStoredOffsets, watchStoredOffsets } from "./stored-offsets.ts";

/** Where workers are hurt. The brokers are not. */
export interface FaultSite {
  readonly brokers: readonly string[];
  /** Every offset that was stored for the group, in order. */
  storedOffsets(kafka: Kafka, group: string): Promise<readonly LedgerEntry[]>;
}

/** Names a script that starts real clusters; see fault-cluster.ts. Without one the broker is that of this package. */
const SCRIPT = process.env.OTTLA_FAULT_CLUSTER ?? "";
const BROKERS = 3;
/** Milliseconds, of the in-process broker; the script's clusters have their own. */
const SESSION = 3_000;

/** Whether there is time for all that can happen, or for a little of each only. */
export const IS_LONG: boolean = SCRIPT !== "";
/** Kafka 3 has the consumer protocol only in early access. */
export const PROTOCOLS: readonly GroupProtocol[] = process.env.KAFKA_VERSION?.startsWith("3.")
  ? ["classic"]
  : ["classic", "consumer"];

let cluster: Promise<FaultCluster> | undefined;
if (IS_LONG) after(async () => (await cluster)?.close());

/** Three real brokers, which all tests of a file share, or nodes in this process. */
export async function faultSite(t: TestContext): Promise<FaultSite> {
  if (!IS_LONG) return inProcess(t);
  cluster ??= startFaultCluster(SCRIPT, BROKERS, mkdtempSync(join(tmpdir(), "ottla-worker-faults-")));
  return { brokers: (await cluster).brokers, storedOffsets: readStoredOffsets };
}

async function inProcess(t: TestContext): Promise<FaultSite> {
  const broker = await startBroker({
    port: 0,
    nodes: BROKERS,
    minSessionTimeout: 1_000,
    groupConsumerSessionTimeout: SESSION,
    groupConsumerHeartbeatInterval: SESSION / 6,
  });
  t.after(() => broker.close());
  const stored = watchStoredOffsets(broker);
  return { brokers: broker.addresses, storedOffsets: async (_kafka, group) => stored(group) };
}
