import { ErrorCode } from "../../protocol/errors.ts";
import { Kafka } from "../../src/client/kafka.ts";
import { COORDINATED, type Command, type JobSpec } from "./command.ts";
import type { Plan } from "./plan.ts";
import { PARTITIONS } from "./shape.ts";
import type { Asked, SimulatedWorld } from "./world.ts";

const MOST_WORKERS = 4;
const MOST_PARTITIONS = 6;
const MOST_FAILURES = 3;
const CROWD_KEYS = 7;
/** Of transactions that are left open, in ms. */
const TRANSACTION_TIMEOUT = 8_000;

type Of<D extends Command["do"]> = Extract<Command, { readonly do: D }>;

/** Makes the command happen. One that makes no sense just then does nothing. */
export async function execute(world: SimulatedWorld, command: Command): Promise<void> {
  const { faults } = world.cluster.broker;
  world.trace.add(`${world.time.elapsed} ${JSON.stringify(command)}`);
  switch (command.do) {
    case "advance":
      return world.time.advance(command.ms);
    case "start":
      if (world.workers.length < MOST_WORKERS) world.startWorker();
      return;
    case "roll":
      return roll(world);
    case "close": {
      const process = pick(world.workers, command.who);
      return process === undefined ? undefined : world.close(process);
    }
    case "strike":
      return strike(world, command);
    case "split":
      return split(world, command);
    case "skew":
      return pick(world.living, command.who)?.clock.skew(command.ms);
    case "slow":
      return slow(world, command);
    case "grow":
      if (world.cluster.partitions("jobs").length < MOST_PARTITIONS) world.cluster.addPartition("jobs");
      return;
    case "disconnect":
      return faults.disconnect(command.node);
    case "fault":
      if (command.kind === "delay") faults.delay({ api: command.api, ms: 700 });
      else faults[command.kind]({ api: command.api, when: command.when });
      return;
    case "fail":
      return void faults.fail({ api: command.api, errorCode: command.errorCode, times: command.times });
    case "sicken":
      return sicken(world, command);
    case "moveLeader":
      return moveLeader(world, command);
    case "moveCoordinator":
      if (command.of === COORDINATED[0]) return faults.moveCoordinator(command.of, command.node);
      return faults.moveTransactionCoordinator(command.of, command.node);
    case "expire":
      return expire(world, command.partition);
    default:
      return ask(world, command);
  }
}

type Asking = Of<
  "enqueue" | "again" | "schedule" | "message" | "crowd" | "ask" | "race" | "release" | "redrive" | "intrude"
>;

async function ask(world: SimulatedWorld, command: Asking): Promise<void> {
  switch (command.do) {
    case "enqueue": {
      const { how, keys, spec } = command;
      return world.enqueue(how, spec.queue, plans(world, keys, spec));
    }
    case "again": {
      const { id, key, takes } = command;
      return world.enqueue("each", "jobs", plans(world, [key], { ...PLAIN, takes }), `id-${id}`);
    }
    case "schedule": {
      const { keys, spec, wait } = command;
      return world.schedule("job", spec.queue, plans(world, keys, spec), wait);
    }
    case "crowd": {
      const keys = Array.from({ length: command.count }, (_, i) => i % CROWD_KEYS);
      return world.schedule("job", "jobs", plans(world, keys, PLAIN), command.wait);
    }
    case "message":
      return world.schedule("message", "jobs", plans(world, command.keys, PLAIN), command.wait);
    case "ask":
      for (const which of command.which) {
        const asked = pick(waiting(world), which);
        if (asked !== undefined) world.request(asked, command.kind, command.wait);
      }
      return;
    case "race":
      return race(world, command);
    case "release":
      return world.release();
    case "redrive":
      if (world.shape.whenExhausted === "skip") world.redrive();
      return;
    case "intrude":
      return intrude(world, command);
  }
}

const PLAIN: JobSpec = {
  ...{ queue: "jobs", takes: 0, fails: 0, hasRule: false, isDiscarded: false, steps: [], handsOver: false },
};

function plans(world: SimulatedWorld, keys: readonly number[], spec: JobSpec): Plan[] {
  const { takes, hasRule, isDiscarded, steps } = spec;
  // Only where failing for good is an end of its own does a job that always fails ever end.
  const isEndless = world.shape.whenExhausted !== "skip" || hasRule;
  const fails = spec.fails === null && isEndless ? MOST_FAILURES : spec.fails;
  return keys.map((key): Plan => {
    const n = world.newNumber();
    const next = spec.handsOver && !isDiscarded ? world.newNumber() : undefined;
    return { n, key: `k${key}`, takes, fails, hasRule, isDiscarded, steps, next };
  });
}

async function roll(world: SimulatedWorld): Promise<void> {
  const oldest = world.workers[0];
  world.startWorker();
  if (oldest !== undefined) await world.close(oldest);
}

function strike(world: SimulatedWorld, { blow, who, events, ms }: Of<"strike">): void {
  const process = pick(world.living, who);
  process?.hook.set(events, () => {
    world.trace.add(`${world.time.elapsed} ${blow} ${process.name}`);
    if (blow === "crash") return world.crash(process);
    world.away(process);
    if (blow === "strand") return process.network.strand();
    if (blow === "pause") process.pause();
    else process.network.isolate();
    world.cluster.clock.timer(ms, () => process.comeBack());
  });
}

async function split(world: SimulatedWorld, { who, node, ms }: Of<"split">): Promise<void> {
  const process = pick(world.living, who);
  if (process === undefined) return;
  world.away(process);
  process.network.isolate({ host: "kafka", port: 9091 + node });
  await world.time.advance(ms);
  process.network.rejoin();
}

async function slow(world: SimulatedWorld, { by, ms }: Of<"slow">): Promise<void> {
  world.slowness = by;
  await world.time.advance(ms);
  world.slowness = 0;
}

async function sicken(world: SimulatedWorld, { node, ms }: Of<"sicken">): Promise<void> {
  const errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
  const sick = world.cluster.broker.faults.fail({ api: "Produce", node, errorCode, times: Number.POSITIVE_INFINITY });
  await world.time.advance(ms);
  sick.cancel();
}

function moveLeader({ cluster }: SimulatedWorld, { topic, partition, node }: Of<"moveLeader">): void {
  if (!cluster.topicNames.includes(topic)) return;
  cluster.broker.faults.moveLeader(topic, partition % cluster.partitions(topic).length, node);
}

function expire({ cluster }: SimulatedWorld, partition: number): void {
  try {
    cluster.broker.faults.expireTransaction(`ottla-schedule/later/${partition}`);
  } catch {
    // None is open.
  }
}

/** What was asked to wait, and may still. */
function waiting({ asked }: SimulatedWorld): Asked[] {
  return asked.filter(({ waits, answer }) => waits && answer !== undefined);
}

async function race(world: SimulatedWorld, { kind, which, off }: Of<"race">): Promise<void> {
  const left = ({ answer }: Asked): number =>
    answer?.state === "scheduled" ? answer.dueAt.getTime() - world.time.time : -1;
  const asked = pick(
    waiting(world).filter((each) => left(each) > 20 && left(each) < 15_000),
    which,
  );
  if (asked === undefined) return;
  await world.time.advance(Math.max(0, left(asked) + off));
  world.request(asked, kind, 2_000);
}

/** Nothing of this may ever run. */
async function intrude(world: SimulatedWorld, { queue, partition, count, ending }: Of<"intrude">): Promise<void> {
  const clock = world.time.instance();
  const network = world.cluster.network.transport(clock);
  const n = world.newNumber();
  const { addresses: brokers } = world.cluster.broker;
  const kafka = new Kafka({ brokers, clock, transport: network, clientId: `intruder-${n}`, requestTimeout: 5_000 });
  const producer = kafka.producer({
    transactionalId: `intruder-${n}`,
    transactionTimeout: TRANSACTION_TIMEOUT,
  });
  const [plan] = plans(world, [0], { ...PLAIN, queue });
  const write = async (): Promise<void> => {
    const transaction = await producer.begin();
    const record = { topic: queue, partition: partition % PARTITIONS[queue], value: JSON.stringify(plan) };
    const headers = { "ottla-job": queue };
    for (let i = 0; i < count; i++) await transaction.send({ ...record, key: "k0", headers });
    if (ending === "aborts") await transaction.abort();
  };
  write().catch(() => {});
  await world.time.advance(3_000);
  clock.freeze();
  network.cut();
}

/** Undefined: there is none. */
function pick<T>(among: readonly T[], which: number): T | undefined {
  return among[which % Math.max(1, among.length)];
}
