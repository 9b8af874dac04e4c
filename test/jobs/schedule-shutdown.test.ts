import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { startScheduleScene } from "../support/schedule-scene.ts";
import { underBoth } from "../support/worker-bench.ts";

underBoth(
  "S8.9 S6.4 a schedule whose broker is away takes no more than what is left of the time to close",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    const process = scene.process("w", {}, { perform: () => process.sleep(9_500) });
    const worker = await process.work();
    await bench.until(() => process.seen("scheduleLoaded").length === 1);
    await scene.remindMany(process, 10, { from: 3_000, to: 30_000 });
    await bench.until(() => bench.lag("q")[0] !== 0);
    const errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const failing = bench.broker.faults.fail({ api: "EndTxn", errorCode, times: Number.POSITIVE_INFINITY });
    await bench.until(() => failing.used > 0);
    const began = bench.time.elapsed;
    await bench.run(worker.close().catch(() => {}));
    assert.ok(bench.time.elapsed - began <= 15_000, `it took ${bench.time.elapsed - began} ms of 10,000`);
  },
);
