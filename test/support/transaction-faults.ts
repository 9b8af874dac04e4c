import nodeProcess from "node:process";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "./worker-bench.ts";

/** What a transaction asks brokers for. */
const STEPS = [
  ...(["InitProducerId", "AddPartitionsToTxn", "Produce"] as const),
  ...(["AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"] as const),
];

/** Something that goes wrong at one of a transaction's steps. */
interface StepFault {
  readonly api: (typeof STEPS)[number];
  readonly kind: "cut" | "fail" | "delay" | "kill" | "expire";
  readonly when: "beforeApply" | "afterApply";
  /** So many such requests of the process, since the fault before this one, are well. */
  readonly after: number;
}

const scripts: fc.Arbitrary<StepFault[]> = fc.array(
  fc.record({
    api: fc.constantFrom(...STEPS),
    kind: fc.constantFrom("cut" as const, "fail" as const, "delay" as const, "kill" as const, "expire" as const),
    when: fc.constantFrom("beforeApply" as const, "afterApply" as const),
    after: fc.nat(6),
  }),
  { minLength: 1, maxLength: 4 },
);

/**
 * Has `play` hold for random faults: OTTLA_SIMULATIONS says of how many scripts, OTTLA_SEED repeats one. Its `current`
 * names the process that they hit, `arbitrary` gives what else it is to hold for.
 */
export async function underTransactionFaults<T = undefined>(
  topics: Readonly<Record<string, number>>,
  play: (bench: WorkerBench, current: (process: WorkerProcess) => void, given: T) => Promise<void>,
  arbitrary: fc.Arbitrary<T> = fc.constant(undefined as T),
): Promise<void> {
  const property = fc.asyncProperty(scripts, arbitrary, async (script, given) => {
    const cleanups: (() => Promise<void>)[] = [];
    const bench = await startWorkerBench({ after: (fn) => void cleanups.push(fn) }, { topics });
    try {
      let current: WorkerProcess | undefined;
      inflict(bench, script, () => current);
      await play(
        bench,
        (process) => {
          current = process;
        },
        given,
      );
    } finally {
      for (const cleanup of cleanups) await cleanup();
    }
  });
  const numRuns = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 25);
  const seed = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
  await fc.assert(property, { numRuns, ...seed });
}

function inflict(bench: WorkerBench, script: readonly StepFault[], current: () => WorkerProcess | undefined): void {
  const pending = [...script];
  let seen = 0;
  bench.broker.observe(({ api, clientId }) => {
    const fault = pending[0];
    const process = current();
    if (fault === undefined || process === undefined || api !== fault.api || clientId !== process.name) return;
    if (seen++ < fault.after) return;
    pending.shift();
    seen = 0;
    hurt(bench, fault, process);
  });
}

function hurt({ broker: { faults } }: WorkerBench, { api, kind, when }: StepFault, process: WorkerProcess): void {
  if (kind === "kill") process.crash();
  else if (kind === "expire") faults.expireSession("workers");
  else if (kind === "delay") faults.delay({ api, ms: 3_000 });
  else if (kind === "cut") faults.cut({ api, when });
  else faults.fail({ api, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE });
}

/** Starts one process after the other, each when the last has died, until all of queue `q` is finished. */
export async function untilFinished(
  bench: WorkerBench,
  start: (round: number) => Promise<WorkerProcess>,
): Promise<void> {
  const isFinished = (): boolean => bench.lag("q").every((lag) => lag === 0);
  for (let round = 0; !isFinished(); round++) {
    if (round === 30) throw new Error("it goes on and on");
    const process = await start(round);
    await bench.until(() => process.clock.frozen || isFinished(), 900_000);
  }
}
