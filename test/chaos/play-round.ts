import { writeFileSync } from "node:fs";
import { now } from "../../examples/flights/wall-clock.ts";
import { chanceOf } from "../../src/testing/chance.ts";
import { ChaosRun, type RunPlan } from "./chaos-run.ts";
import { type ChaosSite, SiteError } from "./chaos-site.ts";
import { checkEvidence } from "./check-evidence.ts";
import { chooseFaults, FAULT_KINDS, type Fault, type FaultKind } from "./choose-faults.ts";
import { type FaultScene, type Passage, passThrough, rest } from "./do-fault.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import { makeRecord, type RoundFrame } from "./make-record.ts";
import type { RoundRecord } from "./round-record.ts";

export interface RoundPlan extends RunPlan {
  readonly frame: RoundFrame;
  /** For how long (ms) there are faults. */
  readonly lasts: number;
  /** Where the ledger is written of a round in which something does not hold. */
  readonly ledgerPath: string;
  /** Ends the round as it is. */
  readonly signal: AbortSignal;
  /** What chance may choose from. Default: everything. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** The faults, one group after the other. Default: as chance has it. */
  readonly faults?: readonly (readonly Fault[])[];
  /** Told of each group of faults as it comes. */
  readonly tell?: (what: string) => void;
}

/**
 * What has to hold even of a round that came to no end. Of S2.1 and S8.3 it does not: there are calls
 * after the log was read, and what would excuse an attempt may not be noted yet.
 */
const ALWAYS = /^S(3\.7|8\.[124]|2\.[23]) /;

const ROOT = new URL("../../", import.meta.url).href;
/** Milliseconds between what goes on again and the next faults. */
const LEAST_REST = 1_000;
const MOST_REST = 4_000;

/**
 * Faults for a while, then everything goes on to its end, and all is checked. Rejects where the signal ended it, and with
 * a {@link SiteError}.
 */
export async function playRound(site: ChaosSite, plan: RoundPlan): Promise<RoundRecord> {
  const run = await ChaosRun.open(site, plan);
  const giveUp = (): void => run.crew.giveUp("it is to end");
  plan.signal.addEventListener("abort", giveUp);
  let isGood = false;
  try {
    const began = now();
    const passages: Passage[] = [];
    const troubles: string[] = [];
    try {
      await run.start();
      await attack(run, plan, passages);
      await run.drained();
      await run.dismissAll();
    } catch (error) {
      plan.signal.throwIfAborted();
      if (error instanceof SiteError) throw error;
      // Without where this lies here: it goes into the report.
      troubles.push(`${(error as Error).stack ?? error}`.replaceAll(ROOT, ""));
      run.crew.killAll();
    }
    const to = now();
    plan.signal.throwIfAborted();
    const evidence = await readEvidence(run);
    const found = checkEvidence(evidence);
    // What did not come to its end is no news then.
    const problems = troubles.length === 0 ? found : [...troubles, ...found.filter((problem) => ALWAYS.test(problem))];
    isGood = problems.length === 0;
    if (!isGood) keep(plan.ledgerPath, evidence, problems);
    return makeRecord(run, plan.frame, { began, to, passages }, evidence, problems);
  } finally {
    plan.signal.removeEventListener("abort", giveUp);
    await run.close(!isGood && !plan.signal.aborted);
  }
}

async function attack(run: ChaosRun, plan: RoundPlan, passages: Passage[]): Promise<void> {
  const random = chanceOf(plan.seed);
  const scene: FaultScene = { run, signal: plan.signal, taken: new Set() };
  const end = now() + plan.lasts;
  const given = [...(plan.faults ?? [])];
  let hasGrown = false;
  while (plan.faults === undefined ? now() < end : given.length > 0) {
    await rest(scene, LEAST_REST + random() * (MOST_REST - LEAST_REST));
    const kinds = possible(run.site, plan.kinds).filter((kind) => kind !== "growth" || !hasGrown);
    const faults = given.shift() ?? chooseFaults(random, { kinds, session: run.session });
    hasGrown ||= faults.some(({ kind }) => kind === "growth");
    plan.tell?.(faults.map(({ kind, ms }) => `${kind}${ms > 0 ? ` ${ms} ms` : ""}`).join(" + "));
    passages.push(await passThrough(scene, faults));
  }
}

function possible(site: ChaosSite, kinds: readonly FaultKind[] = FAULT_KINDS): readonly FaultKind[] {
  return site.pause === undefined ? kinds.filter((kind) => kind !== "brokerPause") : kinds;
}

/** What whoever looks for the cause has to have. */
function keep(
  path: string,
  { entries, calls, growths, jobs, saved, closings }: Evidence,
  problems: readonly string[],
): void {
  writeFileSync(path, JSON.stringify({ problems, entries, calls, growths, jobs, saved, closings }));
}
