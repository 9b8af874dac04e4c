/**
 * A reminder service: reminders are set, listed, moved and cancelled here, and go off in two worker processes. Run it with
 * `node --conditions=ottla-source examples/reminders/main.ts`, `deno run -A …` or `bun …`.
 *
 * KAFKA_BROKERS=host:9092 uses a real cluster. OTTLA_EXAMPLE_QUICK=1 takes shorter waits. NO_COLOR=1 takes the colours.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { deleteTopic, openCluster } from "../flights/cluster.ts";
import { Crew, runtimeName } from "../flights/crew.ts";
import { runExample } from "../flights/run-example.ts";
import { openTerminal } from "../flights/terminal.ts";
import type { Reminder } from "./remind.ts";
import type { Known, Reminders } from "./reminders.ts";
import { workersReady } from "./workers-ready.ts";

/** Milliseconds that a second of the script takes. */
const SECOND = process.env.OTTLA_EXAMPLE_QUICK ? 700 : 1_000;
/** How long reminders that are late have, in milliseconds. */
const PATIENCE = 10_000;

const terminal = openTerminal(process.stdout, process.env);
const cleanup = new AsyncDisposableStack();

async function example(): Promise<boolean> {
  const { reminders, crew } = await prepare();
  const set = async (user: string, text: string, seconds: number): Promise<Known> => {
    const known = await reminders.set(user, text, seconds * SECOND);
    tell("set", `${textOf(known)}, for ${clock(known.due)}`);
    return known;
  };
  await set("Ada", "water the plants", 6);
  await set("Bob", "stretch", 7);
  const standUp = await set("Bob", "stand up", 30);
  const meeting = await set("Eve", "the meeting", 8);
  const tea = await set("Eve", "tea is ready", 5);
  await list(reminders);
  const moved = await reminders.move(standUp, 9 * SECOND);
  tell("reschedule", `${textOf(standUp)}, for ${clock(standUp.due)}: ${moved}`);
  await cancel(reminders, meeting);
  await list(reminders);
  await allRung(reminders, () => crew.check());
  const late = await cancel(reminders, tea);
  await crew.close();
  return judge(reminders, late);
}

/** Brokers, topics of this run alone, and two workers. */
async function prepare(): Promise<{ reminders: Reminders; crew: Crew }> {
  const cluster = await openCluster(process.env.KAFKA_BROKERS);
  cleanup.defer(() => cluster.close());
  terminal.print(`Broker    ${cluster.description}`);
  // Both for the workers, and for what is imported only now.
  process.env.KAFKA_BROKERS = cluster.brokers.join();
  process.env.REMINDERS = `ottla-reminders-${process.pid}-${Date.now()}`;
  const { app, later, queue, PARTITIONS } = await import("./app.ts");
  const reminders = new (await import("./reminders.ts")).Reminders();
  cleanup.defer(() => app.close());
  await app.topics.apply();
  for (const topic of [queue, later, `${later}-dead`]) cleanup.defer(() => deleteTopic(cluster.brokers, topic));
  const crew = cleanup.use(
    new Crew({}, new URL("worker.ts", import.meta.url), (line) => {
      const rung = JSON.parse(line);
      tell("rings", `${textOf(rung)}: ${reminders.rang(rung)} ms late`, rung.at);
    }),
  );
  await Promise.all(["A", "B"].map((letter) => crew.start(letter)));
  await workersReady(cluster.brokers, queue, 2, 2 * PARTITIONS, () => crew.check());
  terminal.print(`Workers   two processes of ${runtimeName()}, one group`);
  terminal.print();
  return { reminders, crew };
}

async function list(reminders: Reminders): Promise<void> {
  const waiting = await reminders.waiting();
  tell("list", `${waiting.length} are waiting`);
  for (const { dueAt, known } of waiting)
    terminal.print(terminal.paint("gray", `              ${clock(dueAt.getTime())}  ${textOf(known)}`));
}

async function cancel(reminders: Reminders, known: Known): Promise<"cancelled" | "tooLate"> {
  const verdict = await reminders.cancel(known);
  tell("cancel", `${textOf(known)}: ${verdict}`);
  return verdict;
}

/** Resolves a second after the last one was to go off, be it one that was cancelled, and once all others have. */
async function allRung(reminders: Reminders, check: () => void): Promise<void> {
  const last = Math.max(...reminders.all.map(({ due }) => due));
  const awaited = reminders.all.filter(({ isCancelled }) => !isCancelled).length;
  while (Date.now() < last + 1_000 || (reminders.rung.length < awaited && Date.now() < last + PATIENCE)) {
    check();
    await sleep(100);
  }
}

/** Tells what was promised, and whether it has held. */
function judge(reminders: Reminders, late: string): boolean {
  const wanted = reminders.all.filter(({ isCancelled }) => !isCancelled).map(({ job }) => job.id);
  const rung = reminders.rung.map(({ id }) => id);
  const times = reminders.rung.map((each) => reminders.lateness(each));
  const checks: readonly (readonly [boolean, string])[] = [
    [rung.sort().join() === wanted.sort().join(), `each of ${wanted.length} rang once, what was cancelled did not`],
    [times.every((ms) => ms >= 0), `none was early; the latest was ${Math.max(...times)} ms late`],
    [late === "tooLate", "what has rung cannot be cancelled any more"],
  ];
  terminal.print();
  for (const [holds, text] of checks)
    terminal.print(`${holds ? terminal.paint("green", "✓") : terminal.paint("red", "✗ not so:")} ${text}`);
  return checks.every(([holds]) => holds);
}

function tell(what: string, text: string, at: number = Date.now()): void {
  const word = terminal.paint(what === "rings" ? "green" : "bold", what.padEnd(10));
  terminal.print(`${clock(at)}  ${word} ${text}`);
}

function textOf({ user, text }: Reminder): string {
  return `"${text}" for ${user}`;
}

/** "09:00:03.012", UTC. */
function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}

await runExample(example, cleanup);
