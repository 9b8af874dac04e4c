import { partitionKey } from "../client/topic-partition.ts";
import type { AppState } from "./app-state.ts";
import { logBounds } from "./log-bounds.ts";
import { readPartition } from "./partition-reader.ts";
import type { JobRecord } from "./received-job.ts";
import { StateScan } from "./state-scan.ts";

/** Longest wait (ms) for the brokers' word on where the topic ends. */
const ASK_TIMEOUT = 60_000;

/** Reads a group's state topic as it is now. Gives a scan of each partition; `see` is shown each record. */
export async function scanState(
  app: AppState,
  topic: string,
  partitions: number,
  see: (record: JobRecord, partition: number) => void = () => {},
): Promise<StateScan[]> {
  const { kafka } = app.slot.use();
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const bounds = await logBounds(kafka.cluster, places, ASK_TIMEOUT);
  const { signal } = new AbortController();
  const scans: StateScan[] = [];
  for (const place of places) {
    const { start, end } = bounds.get(partitionKey(topic, place.partition))!;
    const scan = new StateScan(() => true);
    for await (const { records } of readPartition(kafka, place, start, end, signal)) {
      for (const record of records) {
        scan.take(record);
        see(record, place.partition);
      }
    }
    scans.push(scan);
  }
  return scans;
}
