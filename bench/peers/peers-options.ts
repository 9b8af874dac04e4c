import { chosenNames, parseOptions, roundsOption } from "../bench-options.ts";
import { UsageError } from "../usage-error.ts";
import { JOB_SCENARIOS } from "./job-scenarios.ts";
import { KAFKA_SCENARIOS } from "./kafka-scenarios.ts";
import { PEERS, type Peer, type PeerKind } from "./peers.ts";

export interface PeersOptions {
  readonly kind: PeerKind;
  readonly peers: readonly Peer[];
  readonly scenarios: readonly string[];
  readonly rounds: number;
  readonly isQuick: boolean;
}

const SCENARIOS: Readonly<Record<PeerKind, readonly string[]>> = { jobs: JOB_SCENARIOS, kafka: KAFKA_SCENARIOS };

export const USAGE: string = `Ottla beside other job systems, or beside other Kafka clients, on your machine.

npm run build && npm install --prefix bench/peers/packages
node bench/peers/main.ts jobs|kafka [OPTIONS]

  --only NAME,NAME        of ${namesOf("jobs").join(", ")}; ${namesOf("kafka").join(", ")}
  --scenarios NAME,NAME   of ${JOB_SCENARIOS.join(", ")}; ${KAFKA_SCENARIOS.join(", ")}
  --rounds N              of which the median counts (default 3)
  --quick                 small sizes and one round: shows that everything runs

KAFKA_BROKERS, REDIS_URL, and DATABASE_URL or PGHOST and its like say where servers are; whoever has none is left out.
`;

function namesOf(kind: PeerKind): string[] {
  return PEERS.filter((peer) => peer.kind === kind).map(({ name }) => name);
}

/** Undefined: help is wanted. */
export function parsePeersOptions(args: readonly string[]): PeersOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [kind, ...more] = positionals;
  if ((kind !== "jobs" && kind !== "kafka") || more.length > 0) throw new UsageError(`say jobs or kafka\n\n${USAGE}`);
  const isQuick = values.quick ?? false;
  const rounds = roundsOption(values.rounds, isQuick);
  const names = chosenNames("--only", values.only, namesOf(kind));
  const peers = PEERS.filter((peer) => peer.kind === kind && names.includes(peer.name));
  return { kind, peers, scenarios: chosenNames("--scenarios", values.scenarios, SCENARIOS[kind]), rounds, isQuick };
}

function parse(args: readonly string[]) {
  const [flag, text] = [{ type: "boolean" } as const, { type: "string" } as const];
  const options = { ...{ only: text, scenarios: text, rounds: text }, ...{ quick: flag, help: flag } };
  return parseOptions({ args: [...args], allowPositionals: true, options });
}
