import assert from "node:assert/strict";
import { sleep, systemClock } from "../../src/net/clock.ts";
import { conformanceTest } from "./conformance-test.ts";
import { Process, Runs, type Step } from "./job-process.ts";
import type { Target } from "./target.ts";

const LANES = 8;

function steps(keys: number, each: number): Step[] {
  return Array.from({ length: keys * each }, (_, i) => ({ key: `key-${i % keys}`, n: Math.floor(i / keys) }));
}

/** Virtual partitions: jobs of one partition beside each other. */
export function lanesConformance(target: Target): void {
  const test = conformanceTest(target);
  for (const groupProtocol of target.groupProtocols) {
    test(`S5.2 S8.2 lanes of a partition run beside each other, and jobs of a key in order, ${groupProtocol} protocol`, async (cluster) => {
      const [queue, group] = [await cluster.topic(2), cluster.fresh("group")];
      const queues = { [queue]: { virtualPartitions: { max: LANES } } };
      const runs = new Runs();
      const running = new Set<string>();
      let most = 0;
      const processes = ["one", "two"].map(
        (by) =>
          new Process(
            ...([cluster, queue, group] as const),
            async (step, job) => {
              assert.ok(!running.has(step.key), `${step.key} runs already`);
              running.add(step.key);
              most = Math.max(most, running.size);
              await sleep(systemClock, 2);
              running.delete(step.key);
              runs.add(by, step, job);
            },
            { queues },
          ),
      );
      const { app, job } = processes[0]!;
      const all = steps(40, 15);
      await app.performAllLater(all.map((step) => job.of(step)));
      for (const each of processes) await each.work({ groupProtocol });
      await runs.count(all.length);
      runs.assertInOrder();
      assert.ok(most > 2, `${most} at once`);
    });
  }

  test("S5.3 what has ended in a batch does not run again with the next owner, whoever else has not", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const queues = { [queue]: { virtualPartitions: { max: LANES } } };
    const runs = new Runs();
    let [holds, held] = [true, () => {}];
    const perform = (by: string) => async (step: Step, job: Parameters<Runs["add"]>[2]) => {
      if (by === "first" && step.key === "key-0") {
        await new Promise<void>((resolve) => {
          held = resolve;
        });
        if (holds) throw new Error("not here");
      }
      runs.add(by, step, job);
    };
    const first = new Process(cluster, queue, group, perform("first"), { queues });
    const all = steps(LANES, 5);
    await first.app.performAllLater(all.map((step) => first.job.of(step)));
    const worker = await first.work({ shutdownTimeout: 1_000 });
    // Each key has its lane, and one of them stands.
    await runs.count(all.length - 5);
    await worker.close().catch(() => {});
    const second = new Process(cluster, queue, group, perform("second"), { queues });
    await second.work();
    await runs.count(all.length);
    holds = false;
    held();
    assert.deepEqual(
      runs.all.filter(({ by }) => by === "second").map(({ key, n }) => [key, n]),
      [0, 1, 2, 3, 4].map((n) => ["key-0", n]),
    );
  });
}
