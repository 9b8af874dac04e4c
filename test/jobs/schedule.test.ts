import assert from "node:assert/strict";
import { ScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START, startWorkerBench, underBoth } from "../support/worker-bench.ts";

underBoth("S7.1 a job with a wait is run once that is over, and not before", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  const worker = await process.work();
  const before = bench.time.elapsed;
  const job = await scene.remind(process, 1, { wait: "5m" });
  assert.equal(job.state, "scheduled");
  assert.equal(job.topic, "later");
  assert.equal(job.queue, "q");
  const due = job.dueAt.getTime() - BENCH_START;
  assert.ok(due >= before + 300_000 && due < before + 301_000, `${due}`);
  await bench.until(() => worker.status().schedules[0]?.entries === 1);
  assert.deepEqual(worker.status().schedules[0], {
    ...{ topic: "later", partition: 0, state: "running", entries: 1, nextDueAt: job.dueAt, apart: [] },
  });
  await bench.until(() => scene.ran.length === 1, 400_000);
  const [run] = scene.ran;
  assert.ok(run!.at >= due, `due at ${due}, ran at ${run!.at}`);
  assert.ok(run!.at < due + 1_000, `due at ${due}, ran at ${run!.at}`);
  assert.equal(run!.job.id, job.id);
  assert.equal(scene.left().size, 0);
  await bench.until(() => bench.lag("q").every((behind) => behind === 0));
  assert.deepEqual(
    process.seen("dispatched").map(({ entry, id, to }) => [entry, id, to.topic]),
    [[job.entry, job.id, "q"]],
  );
  assert.deepEqual(process.seen("error"), []);
});
