import { availableParallelism } from "node:os";
import process from "node:process";
import { Kafka } from "ottla/kafka";
import { createGrowthBench, type GrowthBench, stopOnSignals } from "../growth/growth-bench.ts";
import { checkBuild, type RuntimeCommand } from "../growth/runtime-command.ts";
import { namedBrokers } from "../named-brokers.ts";
import { endWith, UsageError } from "../usage-error.ts";
import { SCHEMAS } from "./addresses.ts";
import { availablePeers, describePeer, query } from "./available-peers.ts";
import type { Outcome } from "./cost-of.ts";
import { jobTurn, kafkaTurn } from "./peer-turns.ts";
import { PEERS, type Peer } from "./peers.ts";
import { type PeersOptions, parsePeersOptions, USAGE } from "./peers-options.ts";
import { peersReport } from "./peers-report.ts";

const OWN = "ottla";
/** Without the condition that has `ottla` mean its sources: the build is what others are, too. */
const COMMAND: RuntimeCommand = {
  ...{ name: `Node ${process.versions.node}`, file: process.execPath, args: ["bench/peers/peer-process.ts"] },
};

async function main(): Promise<void> {
  const options = parsePeersOptions(process.argv.slice(2));
  if (options === undefined) return console.log(USAGE);
  checkBuild();
  const { available, skipped } = await availablePeers(options.peers);
  for (const line of skipped) console.log(line);
  if (available.length === 0) throw new UsageError("nobody is left to be measured");
  console.log(`${COMMAND.name}, ${availableParallelism()} processors: ${available.map(describePeer).join(", ")}\n`);
  const named = namedBrokers();
  // Where nobody is measured that needs one, none is asked.
  const brokers = named.length > 0 ? named : ["localhost:9092"];
  const kafka = new Kafka({ brokers, clientId: "bench" });
  const bench = createGrowthBench({ kafka, brokers, isQuick: options.isQuick, runtimes: [], own: COMMAND });
  const leave = stopOnSignals(bench);
  try {
    await measure(options, available, bench);
  } finally {
    leave();
    await bench.close();
    await kafka.close();
    if (available.some(({ server }) => server === "Postgres")) await dropSchemas();
  }
}

/** Rounds in which each has its turn, another one first each time. */
async function measure(options: PeersOptions, peers: readonly Peer[], bench: GrowthBench): Promise<void> {
  const { kind, scenarios, rounds } = options;
  const turn = kind === "jobs" ? jobTurn(bench, scenarios) : await kafkaTurn(bench, scenarios);
  const outcomes = new Map(scenarios.map((scenario) => [scenario, new Map<string, Outcome[]>()]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(i + round) % peers.length]!;
      try {
        await turn(peer, (scenario, outcome) => {
          const own = outcomes.get(scenario)!;
          own.set(peer.name, [...(own.get(peer.name) ?? []), outcome]);
        });
      } catch (error) {
        if (process.exitCode === 130) throw error;
        process.exitCode = 1;
        console.error(`${peer.name} has failed in round ${round + 1}: ${(error as Error).message}`);
      }
    }
  }
  console.log(peersReport(sorted(outcomes, PEERS), OWN));
}

/** In the order in which they are listed, whoever came first. */
function sorted(
  outcomes: ReadonlyMap<string, ReadonlyMap<string, readonly Outcome[]>>,
  order: readonly Peer[],
): ReadonlyMap<string, ReadonlyMap<string, readonly Outcome[]>> {
  const names = [...new Set(order.map(({ name }) => name))];
  return new Map(
    [...outcomes].map(([scenario, peers]) => [
      scenario,
      new Map(names.flatMap((name) => (peers.has(name) ? [[name, peers.get(name)!] as const] : []))),
    ]),
  );
}

async function dropSchemas(): Promise<void> {
  for (const schema of Object.values(SCHEMAS)) await query(`drop schema if exists ${schema} cascade`);
}

await endWith(main);
