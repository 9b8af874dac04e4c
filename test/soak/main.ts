import { appendFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { within } from "../../src/client/within.ts";
import { systemClock } from "../../src/net/clock.ts";
import { numberOption } from "../support/number-option.ts";
import { RUNTIME, type Runtime } from "../support/runtime-arguments.ts";
import { findRuntime, type RuntimeProgram, THIS_RUNTIME } from "../support/runtime-program.ts";
import { Child } from "./child.ts";
import type { Line } from "./lines.ts";
import { Probe } from "./probe.ts";
import { judge, type SeenSample, tableOf, throughput, type WorkerSample } from "./report.ts";
import type { WorkerSettings } from "./worker.ts";

const USAGE = `Has the whole product work for hours, and fails where anything grows that should not, or work gets slower.

npm run soak -- --hours N | --minutes N
      --runtime node|deno|bun   what the processes run on; default node
      --rate N                  jobs a second; default 150
      --out FILE                all samples, as lines of JSON
      --each SECONDS            between samples; default 5
      --guest-each SECONDS      between workers that come and go, and between connections that are cut; default 120
      --leak BYTES              has each job leak so much: it is to be found

KAFKA_BROKERS names a cluster; without it, it is the broker of this package, in a process of its own, which must not
grow either.
`;

const RUNTIMES: readonly Runtime[] = ["node", "deno", "bun"];
/** Milliseconds. */
const TOLD_EACH = 30_000;
const GUEST_STAYS = 0.25;
/** For a start and for an end: of all work that is left, too. */
const PATIENCE = 240_000;
const MOST_ERRORS = 10;

const { values } = parseArgs({
  options: {
    ...{
      hours: { type: "string" },
      minutes: { type: "string" },
      runtime: { type: "string" },
      rate: { type: "string" },
    },
    ...{ out: { type: "string" }, each: { type: "string" }, "guest-each": { type: "string" } },
    ...{ leak: { type: "string" }, help: { type: "boolean" } },
  },
});

/** Above 0. */
function numberOf(option: "hours" | "minutes" | "rate" | "each" | "guest-each" | "leak", fallback: number): number {
  return numberOption(option, values[option], fallback, { isPositive: true });
}

interface Seen {
  readonly worker: WorkerSample[];
  readonly broker: SeenSample[];
  readonly errors: string[];
  rest: { readonly lag: number } | undefined;
}

class Soak {
  readonly seen: Seen = { worker: [], broker: [], errors: [], rest: undefined };
  readonly problems: string[] = [];
  readonly #runtime: RuntimeProgram;
  readonly #children: Child[] = [];
  /** How late timers are in this process, which does next to nothing, since the last sample of each. */
  readonly #idle: Readonly<Record<string, Probe>> = { worker: new Probe(), broker: new Probe() };

  constructor(runtime: RuntimeProgram) {
    this.#runtime = runtime;
    if (values.out !== undefined) writeFileSync(values.out, "");
  }

  /** Starts a process, and resolves once it has said `sign`. Where it ends before it is asked to, that is a problem. */
  async start(of: string, script: string, arg: string, sign: string): Promise<{ child: Child; line: Line }> {
    let heard: (line: Line) => void = () => {};
    const first = new Promise<Line>((resolve) => {
      heard = resolve;
    });
    const child = new Child(this.#runtime, script, arg, (line) => {
      if (line.what === sign) heard(line);
      this.#hear(of, line);
    });
    this.#children.push(child);
    const ended = child.ended.then((code) => {
      throw new Error(`the ${of} has ended by itself, with ${code}`);
    });
    return { child, line: await inTime(Promise.race([first, ended]), `the ${of} to start`) };
  }

  async end(of: string, child: Child): Promise<void> {
    const code = await inTime(child.end(), `the ${of} to end`);
    if (code !== 0) this.problems.push(`the ${of} ended with ${code}`);
  }

  killAll(): void {
    for (const child of this.#children) child.kill();
  }

  #hear(of: string, heard: Line): void {
    const idleDelay = heard.what === "sample" ? this.#idle[of]?.sample(false).delay : undefined;
    const line: Line = { ...heard, idleDelay };
    if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify({ of, ...line })}\n`);
    if (line.what === "error") this.seen.errors.push(`${of}: ${line.message}`);
    if (line.what === "rest") this.seen.rest = line as unknown as { lag: number };
    if (line.what !== "sample") return;
    if (of === "worker") this.seen.worker.push(line as unknown as WorkerSample);
    if (of === "broker") this.seen.broker.push(line as unknown as SeenSample);
  }
}

function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  return within(systemClock, PATIENCE, work, () => {
    throw new Error(`${PATIENCE / 1_000} s are not enough for ${what}`);
  });
}

/** The newest samples, in a line. */
function tell({ worker, broker }: Seen): void {
  const [before, last] = worker.slice(-7).filter((_, i, all) => i === 0 || i === all.length - 1);
  if (before === undefined || last === undefined) return;
  const mb = (bytes: number | undefined): string => (bytes === undefined ? "-" : (bytes / 1e6).toFixed(1));
  const memory = (samples: readonly SeenSample[]): string =>
    `rss ${mb(samples.at(-1)?.rss)} heap ${mb(samples.findLast(({ heap }) => heap !== undefined)?.heap)} MB`;
  const delay = `delay ${last.delay.toFixed(1)} ms (${last.idleDelay.toFixed(1)} idle)`;
  const jobs = `${throughput(last, before).toFixed(0)} jobs/s, lag ${last.lag}, ${delay}`;
  const files = `${last.files ?? "-"} files, ${last.handles} handles`;
  const theirs = broker.length === 0 ? "" : ` | broker ${memory(broker)}`;
  console.log(`${(last.at / 60_000).toFixed(1).padStart(6)} min  ${jobs}, ${memory(worker)}, ${files}${theirs}`);
}

interface Plan extends Pick<WorkerSettings, "rate" | "each" | "leak"> {
  readonly minutes: number;
  readonly runtime: RuntimeProgram;
  /** Seconds. */
  readonly guestEach: number;
}

async function planned(): Promise<Plan> {
  const name = RUNTIMES.find((one) => one === (values.runtime ?? "node"));
  if (name === undefined) throw new RangeError(`--runtime ${values.runtime}: ${RUNTIMES.join(", ")} are known`);
  const runtime = name === RUNTIME ? THIS_RUNTIME : await findRuntime(name);
  if (runtime === undefined) throw new RangeError(`--runtime ${name}: it cannot be run`);
  return {
    minutes: values.minutes === undefined ? numberOf("hours", 1) * 60 : numberOf("minutes", 0),
    ...{ runtime, rate: numberOf("rate", 150), each: numberOf("each", 5), guestEach: numberOf("guest-each", 120) },
    leak: numberOf("leak", 0),
  };
}

async function play(soak: Soak, { minutes, rate, each, guestEach, leak }: Plan): Promise<void> {
  const given = process.env.KAFKA_BROKERS;
  const broker = given ? undefined : await soak.start("broker", "broker.ts", String(each), "listening");
  const brokers = given ? given.split(",") : [String(broker!.line.address)];
  const settings: WorkerSettings = { brokers, isGuest: false, rate, each, cutEach: guestEach, leak };
  const worker = await soak.start("worker", "worker.ts", JSON.stringify(settings), "working");
  const gone = worker.child.ended.then((code) => Promise.reject(new Error(`the worker has ended by itself: ${code}`)));
  gone.catch(() => {});
  const teller = setInterval(() => tell(soak.seen), TOLD_EACH);
  try {
    const end = performance.now() + minutes * 60_000;
    const guestTime = guestEach * 1_000;
    const left = (): number => end - performance.now();
    const rest = (ms: number): Promise<void> => Promise.race([pause(Math.max(0, Math.min(ms, left()))), gone]);
    while (left() > 0) {
      await rest(guestTime * (1 - GUEST_STAYS));
      if (left() < guestTime) continue;
      const guest = await soak.start("guest", "worker.ts", JSON.stringify({ ...settings, isGuest: true }), "working");
      await rest(guestTime * GUEST_STAYS);
      await soak.end("guest", guest.child);
    }
    await soak.end("worker", worker.child);
    if (broker !== undefined) await soak.end("broker", broker.child);
  } finally {
    clearInterval(teller);
  }
}

/** What is wrong with a run that has ended. */
function report({ seen, problems }: Soak): string[] {
  const judgements = judge(seen.worker, seen.broker);
  console.log(`\n${tableOf(judgements)}\n`);
  const outcomes = Object.entries(seen.worker.at(-1)?.outcomes ?? {}).map(([name, count]) => `${count} ${name}`);
  console.log(outcomes.join(", "));
  const kinds = new Map<string, number>();
  for (const error of seen.errors) {
    const kind = error.replace(/[0-9a-f-]{36}|\d+/g, "#");
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [error, count] of [...kinds].slice(0, MOST_ERRORS)) console.log(`  ${count} × ${error}`);
  const growing = judgements.filter(({ trend }) => trend?.isBad);
  return [
    ...problems,
    ...(seen.rest?.lag === 0 ? [] : [`work was left at the end: ${seen.rest?.lag ?? "nobody knows how much"}`]),
    ...growing.map(({ of, measure, rule }) => `${measure} of the ${of} ${rule.bad}s`),
    ...(judgements.some(({ trend }) => trend !== undefined) ? [] : ["it was too short to tell anything"]),
  ];
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  const plan = await planned();
  const soak = new Soak(plan.runtime);
  try {
    await play(soak, plan);
  } catch (error) {
    soak.problems.push(String(error));
  } finally {
    soak.killAll();
  }
  const problems = report(soak);
  for (const problem of problems) console.log(`✗ ${problem}`);
  if (problems.length === 0) console.log("✓ nothing grows, and nothing gets slower");
  return problems.length === 0;
}

process.exitCode = (await main()) ? 0 : 1;
