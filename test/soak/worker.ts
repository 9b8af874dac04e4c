/**
 * Works in the soak's app until its input ends: `worker.ts SETTINGS`, as JSON. It alone enqueues and tells of itself, but
 * where it is a guest.
 */
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka } from "ottla/kafka";
import { tcp } from "../../src/net/tcp.ts";
import type { ByteStream, Transport } from "../../src/net/transport.ts";
import { say, untilInputEnds } from "./lines.ts";
import { Probe } from "./probe.ts";
import { applyTopics, GROUP, soakApp } from "./soak-app.ts";
import { SoakLoad } from "./soak-load.ts";

export interface WorkerSettings {
  readonly brokers: readonly string[];
  readonly isGuest: boolean;
  /** Jobs a second. */
  readonly rate: number;
  /** Seconds between samples, and between cuts of a connection. */
  readonly each: number;
  readonly cutEach: number;
  /** Bytes that each job leaks. */
  readonly leak: number;
}

const COLLECTS_EACH = 6;
/** How long what waits at the end may take, in ms. */
const PATIENCE = 90_000;

const settings: WorkerSettings = JSON.parse(process.argv[2]!);
const { brokers, isGuest, rate, leak } = settings;

const streams = new Set<ByteStream>();
const cuttable: Transport = {
  async connect(address, handlers, signal, tls) {
    let own: ByteStream | undefined;
    const close = (cause: Error | undefined): void => {
      if (own !== undefined) streams.delete(own);
      handlers.close(cause);
    };
    const told = { data: (chunk: Uint8Array) => handlers.data(chunk), drain: () => handlers.drain(), close };
    own = await tcp.connect(address, told, signal, tls);
    streams.add(own);
    return own;
  },
};
const cut = (): void => {
  const open = [...streams];
  open[Math.floor(Math.random() * open.length)]?.destroy(new Error("cut by the soak"));
};

const leaked: Uint8Array[] = [];
let ran = 0;
const { app, jobs } = soakApp(brokers, cuttable, () => {
  ran++;
  if (leak > 0) leaked.push(new Uint8Array(leak).fill(1));
});
const outcomes: Record<string, number> = {};
const count = (name: string): void => {
  outcomes[name] = (outcomes[name] ?? 0) + 1;
};
const EVENTS = ["completed", "retried", "dead", "parked", "duplicate", "dispatched", "cancelled", "assigned"] as const;
for (const name of EVENTS) app.on(name, () => count(name));
const failed = (error: unknown, during: string): void => {
  count("errors");
  say({ what: "error", message: `${during}: ${String(error)}` });
};
app.on("error", ({ error, during }) => failed(error, during));

const probe = new Probe();
if (!isGuest) await applyTopics(brokers, app);
await app.work({ groupProtocol: "classic", revokeGrace: "10s" });
say({ what: "working" });
if (isGuest) await untilInputEnds();
else await workUnderLoad();
await app.close();

async function workUnderLoad(): Promise<void> {
  const load = new SoakLoad(brokers, app, jobs, rate, failed);
  const kafka = new Kafka({ brokers });
  const lag = async (): Promise<number> => {
    const partitions = await kafka.admin().groupLag(GROUP);
    return partitions.reduce((sum, { lag }) => sum + lag, 0);
  };
  let samples = 0;
  const sample = async (): Promise<void> => {
    const behind = await lag();
    say({ what: "sample", ...probe.sample(samples++ % COLLECTS_EACH === 0), ran, lag: behind, outcomes });
  };
  const timers = [
    setInterval(() => void sample().catch((error: unknown) => failed(error, "a sample")), settings.each * 1_000),
    setInterval(cut, settings.cutEach * 1_000),
  ];
  await untilInputEnds();
  for (const timer of timers) clearInterval(timer);
  await load.stop();
  const end = performance.now() + PATIENCE;
  while ((await lag()) > 0 && performance.now() < end) await pause(500);
  say({ what: "rest", lag: await lag(), outcomes });
  await kafka.close();
}
