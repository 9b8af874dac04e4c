/**
 * What a worker costs whose pattern matches many topics: `node --conditions=ottla-source bench/pattern-topics.ts [TOPICS [classic]]`.
 * One fetch a broker carries all of them, and memory should stay below 300 MB. The broker is a process of its own.
 */
import { fork } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createApp } from "ottla";
import { startBroker } from "ottla/broker";

const JOBS_PER_TOPIC = 20;
const IDLE_MS = 10_000;
const LIMIT_MB = 300;

const [role = "500", argument] = process.argv.slice(2);
if (role === "broker") await serve(Number(argument));
else await measure(Number(role), argument === "classic" ? "classic" : "consumer");

/** The broker's side: counts what reaches it. */
async function serve(topics: number): Promise<void> {
  const broker = await startBroker({ port: 0 });
  for (let i = 0; i < topics; i++) await broker.createTopic(`tenant-${i}-jobs`, { partitions: 1 });
  await broker.createTopic("jobs", { partitions: 1 });
  let fetches = 0;
  broker.observe(({ api }) => {
    if (api === "Fetch") fetches++;
  });
  process.on("message", () => process.send!(fetches));
  process.send!(broker.address);
}

async function measure(topics: number, groupProtocol: "classic" | "consumer"): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ["broker", String(topics)], {
    execArgv: ["--conditions=ottla-source"],
  });
  const answer = <T>(): Promise<T> => new Promise((resolve) => child.once("message", (value) => resolve(value as T)));
  const fetches = (): Promise<number> => {
    child.send("fetches");
    return answer<number>();
  };
  try {
    const address = await answer<string>();
    const bare = megabytes();
    const began = performance.now();
    const app = createApp({
      kafka: { brokers: [address] },
      group: "pattern-topics",
      queuePatterns: [{ match: /^tenant-\d+-jobs$/ }],
    });
    let [ran, assigned] = [0, 0];
    let done = (): void => {};
    const job = app.job<number>({ name: "count", queue: "jobs", perform: () => void (++ran && done()) });
    app.on("assigned", ({ partitions }) => {
      assigned += partitions.length;
      done();
    });
    const until = (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        done = () => {
          if (holds()) resolve();
        };
        done();
      });
    await app.work({ groupProtocol });
    await until(() => assigned === topics + 1);
    const ready = performance.now();
    const queues = Array.from({ length: topics }, (_, i) => `tenant-${i}-jobs`);
    await app.performAllLater(
      queues.flatMap((queue) => Array.from({ length: JOBS_PER_TOPIC }, (_, n) => job.set({ queue }).of(n))),
    );
    await until(() => ran >= topics * JOBS_PER_TOPIC);
    const busy = performance.now();
    const [first, firstAt] = [await fetches(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const rate = ((await fetches()) - first) / ((performance.now() - firstAt) / 1_000);
    console.log(
      `${topics} topics, ${groupProtocol}: assigned after ${Math.round(ready - began)} ms, ` +
        `${topics * JOBS_PER_TOPIC} jobs enqueued and run in ${Math.round(busy - ready)} ms, ` +
        `${rate.toFixed(1)} fetches/s idle, ${megabytes()} MB resident (${bare} MB before; should be below ${LIMIT_MB})`,
    );
    await app.close();
  } finally {
    child.kill();
  }
}

function megabytes(): number {
  return Math.round(process.memoryUsage().rss / 1_048_576);
}
