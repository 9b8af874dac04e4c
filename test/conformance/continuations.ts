import assert from "node:assert/strict";
import { createApp } from "../../src/jobs/app.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import { sleep, systemClock } from "../../src/net/clock.ts";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import { Process, Runs, type Step } from "./job-process.ts";
import type { Target } from "./target.ts";

const ROWS = 40;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** Under the other protocol, brokers as they are set miss a worker that was killed after 45 s. */
const CLASSIC: WorkOptions = { groupProtocol: "classic" };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What is worked on, by job and row, in order. */
class Work {
  readonly rows: { readonly by: string; readonly n: number; readonly row: number }[] = [];
  readonly runs: Runs = new Runs();

  perform(by: string): (step: Step, job: RunningJob) => Promise<void> {
    return async (work, job) => {
      await job.step("rows", async (step) => {
        for (let row = step.cursor ?? 0; row < ROWS; row++) {
          await sleep(systemClock, 20);
          this.rows.push({ by, n: work.n, row });
          await step.advance({ from: row });
        }
      });
      await job.step("last", () => {}, { isolated: true });
      this.runs.add(by, work, job);
    };
  }

  of(n: number): number[] {
    return this.rows.filter((each) => each.n === n).map(({ row }) => row);
  }
}

/** Jobs with steps, as they go on where they were. */
export function continuationsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S7.7 S7.8 S7.9 a held job goes on in its place, with the next owner, and nothing is done twice", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const work = new Work();
    const [first, second] = ["first", "second"].map((by) => new Process(cluster, queue, group, work.perform(by))) as [
      Process,
      Process,
    ];
    const worker = await first.work();
    for (const n of [0, 1]) await first.job.performLater({ key: "a", n });
    await eventually(async () => assert.ok(work.rows.length > 4));
    await worker.close();
    const before = work.rows.length;
    assert.ok(before < ROWS, "it was interrupted");
    await second.work();
    await work.runs.count(2);
    for (const n of [0, 1]) assert.deepEqual(work.of(n), range(ROWS));
    assert.deepEqual(new Set(work.rows.slice(before).map(({ by }) => by)), new Set(["second"]));
    assert.deepEqual(
      work.runs.all.map(({ n, attempt }) => [n, attempt]),
      [
        [0, 1],
        [1, 1],
      ],
    );
  });

  test("S7.8 S3.9 a job without a key goes on behind others", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const { brokers, transport } = cluster;
    const app = createApp({ kafka: { brokers, transport }, group, logger: silent });
    cluster.onClose(() => app.close());
    const seen: string[] = [];
    const job = app.job<number>({
      name: "job",
      queue,
      async perform(n, running) {
        await running.step("a", () => void seen.push(`${n}a ${running.resumptions}`));
        await running.step("b", () => void seen.push(`${n}b ${running.resumptions}`), { isolated: true });
      },
    });
    for (const n of [0, 1]) await job.performLater(n);
    await app.work();
    await eventually(async () => assert.deepEqual(seen, ["0a 0", "1a 0", "0b 1", "1b 1"]));
  });

  test("S8.8 S7.9 after a kill a held job goes on at its last saved checkpoint", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const work = new Work();
    const { transport } = cluster.unreliableKafka();
    let isKilled = false;
    const perform = async (step: Step, job: RunningJob): Promise<void> => {
      if (job.resumptions > 0) {
        first.kill(transport);
        isKilled = true;
        await new Promise(() => {});
      }
      await job.step("before", () => void work.rows.push({ by: "first", n: step.n, row: -1 }));
      await job.step("alone", () => {}, { isolated: true });
    };
    const first: Process = new Process(cluster, queue, group, perform, {
      kafka: { brokers: cluster.brokers, transport },
    });
    const second = new Process(cluster, queue, group, async (step, job) => {
      await job.step("before", () => void work.rows.push({ by: "second", n: step.n, row: -1 }));
      await job.step("alone", () => {}, { isolated: true });
      work.runs.add("second", step, job);
    });
    await second.job.performLater({ key: "a", n: 0 });
    await first.work(CLASSIC);
    await eventually(async () => assert.ok(isKilled));
    await second.work();
    await work.runs.count(1);
    assert.deepEqual(
      work.rows.map(({ by }) => by),
      ["first"],
    );
  });
}
