import { app } from "../app.ts";

/** Rows as a source would give them, from one on. */
async function* rowsOf(_importId: number, { start }: { readonly start: number }): AsyncGenerator<{ id: number }> {
  for (let id = start; id < 3; id++) yield { id };
}

export const processImport = app.job<{ importId: number; userId: string }>({
  name: "process-import",
  queue: "imports",
  partitioner: (job) => job.payload.userId,
  resumeOptions: { wait: 0 }, // { wait, hold }; hold defaults to true for an ordered job
  async perform({ importId }, job) {
    await job.step("validate", () => job.log.info("validated", { import: importId }));
    await job.step("process_records", async (step) => {
      for await (const row of rowsOf(importId, { start: step.cursor ?? 0 })) {
        job.log.info("processed", { row: row.id });
        await step.advance({ from: row.id }); // cursor = row.id + 1, and a checkpoint
      }
    });
    await job.step("finalize", () => job.log.info("imported", { resumptions: job.resumptions }), { isolated: true });
  },
});
