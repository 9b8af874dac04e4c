/** A broker that tells of its memory each so many seconds, until its input ends: `broker.ts SECONDS`. */
import process from "node:process";
import { startBroker } from "ottla/broker";
import { say, untilInputEnds } from "./lines.ts";
import { Probe } from "./probe.ts";
import { KEPT } from "./soak-app.ts";

/** Every so many samples garbage is collected. */
const COLLECTS_EACH = 6;

const probe = new Probe();
const broker = await startBroker({
  port: 0,
  defaultPartitions: 4,
  // What is younger is kept: so much of a log, and no more, is in memory.
  topicDefaults: { "retention.ms": String(KEPT), "delete.retention.ms": String(KEPT), "segment.ms": String(KEPT / 4) },
  transactionalIdExpiration: 2 * KEPT,
  offsetsRetention: 2 * KEPT,
  retentionCheckInterval: KEPT / 12,
  cleanerBackoff: KEPT / 12,
  log: ({ message }) => say({ what: "error", message }),
});
say({ what: "listening", address: broker.address });
let samples = 0;
const timer = setInterval(
  () => say({ what: "sample", ...probe.sample(samples++ % COLLECTS_EACH === 0) }),
  Number(process.argv[2]) * 1_000,
);
await untilInputEnds();
clearInterval(timer);
await broker.close();
