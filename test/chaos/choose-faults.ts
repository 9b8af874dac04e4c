/** What can go wrong, by where: with worker processes, with brokers, on the way between them, and with the work itself. */
export const FAULTS = {
  kill: { where: "workers", weight: 4, text: "SIGKILL of workers" },
  freeze: { where: "workers", weight: 3, text: "SIGSTOP of a worker past its session, SIGCONT" },
  pause: { where: "workers", weight: 3, text: "SIGSTOP of a worker within its session, SIGCONT" },
  freezeKill: { where: "workers", weight: 1, text: "SIGSTOP of a worker past its session, SIGKILL" },
  roll: { where: "workers", weight: 2, text: "rolling deploy, one worker after the other" },
  surge: { where: "workers", weight: 2, text: "rolling deploy, several workers at once" },
  brokerKill: { where: "brokers", weight: 3, text: "SIGKILL of a broker, started again" },
  brokerRestart: { where: "brokers", weight: 2, text: "restart of a broker in good order" },
  brokerPause: { where: "brokers", weight: 2, text: "SIGSTOP of a broker, SIGCONT" },
  delay: { where: "network", weight: 2, text: "connections are slow" },
  cut: { where: "network", weight: 3, text: "connections are cut" },
  hold: { where: "network", weight: 2, text: "connections stand still" },
  halfOpen: { where: "network", weight: 3, text: "connections are half open" },
  poison: { where: "work", weight: 2, text: "a burst of jobs that fail for good" },
  killer: { where: "work", weight: 1, text: "a job that kills its process" },
  growth: { where: "work", weight: 1, text: "the queue gets more partitions, and a deploy" },
} as const;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS: readonly FaultKind[] = Object.keys(FAULTS) as readonly FaultKind[];
type Where = (typeof FAULTS)[FaultKind]["where"];

/** A fault as it was chosen. Where it hits is a fraction of all there are then. */
export interface Fault {
  readonly kind: FaultKind;
  /** From 0 up to 1: which worker or broker. */
  readonly target: number;
  /** How many, of workers. */
  readonly count: number;
  /** How long it lasts, in milliseconds. */
  readonly ms: number;
  /** Of the network: whether one worker is hit, one broker as everybody sees it, or everything. */
  readonly reach: "worker" | "broker" | "all";
}

/** The shortest and the longest time (ms) that each lasts; `session`: what is past it is noticed. */
function lengths(session: number): Readonly<Record<FaultKind, readonly [number, number]>> {
  return {
    ...{ kill: [0, 2_000], freeze: [1.5 * session, 2.5 * session], pause: [100, 0.4 * session] },
    ...{ freezeKill: [1.5 * session, 2 * session], roll: [0, 0], surge: [0, 0] },
    ...{ brokerKill: [500, 8_000], brokerRestart: [0, 0], brokerPause: [1_000, 20_000] },
    ...{ delay: [4_000, 12_000], cut: [0, 6_000], hold: [500, 10_000], halfOpen: [1_000, 12_000] },
    ...{ poison: [0, 0], killer: [0, 0], growth: [0, 0] },
  };
}

/** Of several faults at once no more than so many. */
const MOST: Readonly<Record<Where, number>> = { workers: 2, brokers: 1, network: 1, work: 1 };
/** How likely it is that there are one, two, three at once. */
const AT_ONCE = [0.55, 0.3, 0.15];

export interface FaultOptions {
  /** What can be done here. */
  readonly kinds: readonly FaultKind[];
  /** The group's session timeout, in milliseconds. */
  readonly session: number;
}

/** One fault, or several that come at once. Two deploys never do. */
export function chooseFaults(random: () => number, { kinds, session }: FaultOptions): Fault[] {
  const x = random();
  const wanted = 1 + AT_ONCE.findIndex((_, i) => x < AT_ONCE.slice(0, i + 1).reduce((sum, each) => sum + each));
  const chosen: Fault[] = [];
  while (chosen.length < Math.max(1, wanted)) {
    const left = kinds.filter((kind) => fits(kind, chosen));
    if (left.length === 0) break;
    const kind = pick(random, left);
    const [least, most] = lengths(session)[kind];
    const y = random();
    chosen.push({
      ...{ kind, target: random(), count: 1 + Math.floor(random() * 3) },
      ms: Math.round(least + random() * (most - least)),
      reach: y < 0.5 ? "worker" : y < 0.85 ? "broker" : "all",
    });
  }
  return chosen;
}

const DEPLOYS: ReadonlySet<FaultKind> = new Set(["roll", "surge", "growth"]);

function fits(kind: FaultKind, chosen: readonly Fault[]): boolean {
  const { where } = FAULTS[kind];
  const same = chosen.filter((each) => FAULTS[each.kind].where === where);
  if (same.length >= MOST[where] || chosen.some((each) => each.kind === kind)) return false;
  return !(DEPLOYS.has(kind) && chosen.some((each) => DEPLOYS.has(each.kind)));
}

function pick(random: () => number, kinds: readonly FaultKind[]): FaultKind {
  const sum = kinds.reduce((all, kind) => all + FAULTS[kind].weight, 0);
  let x = random() * sum;
  for (const kind of kinds) {
    x -= FAULTS[kind].weight;
    if (x < 0) return kind;
  }
  return kinds.at(-1)!;
}
