import { randomUUID } from "node:crypto";
import process from "node:process";
import { Kafka } from "ottla/kafka";
import { namedBrokers } from "../named-brokers.ts";
import { UsageError } from "../usage-error.ts";
import { ChildProgram } from "./child-program.ts";
import { ownCommand, type RuntimeCommand } from "./runtime-command.ts";

/** Where a measure has its topics and its processes; closing it ends both. */
export interface GrowthBench {
  readonly isQuick: boolean;
  /** Those that are compared with each other. */
  readonly runtimes: readonly RuntimeCommand[];
  /** A fresh topic's name. */
  topic(partitions: number, config?: Readonly<Record<string, string>>, name?: string): Promise<string>;
  /** A program in a fresh process. */
  start(program: string, params: object, runtime?: RuntimeCommand): ChildProgram;
  /** What a program finds that ends by itself. */
  run<T>(program: string, params: object, runtime?: RuntimeCommand): Promise<T>;
  /** A part of it that is closed before. */
  part(): GrowthBench;
  /** Ends all programs, of its parts, too, and begins none any more: whoever waits for one gives up, and cleans up. */
  stop(): void;
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly kafka: Kafka;
  readonly brokers: readonly string[];
  readonly isQuick: boolean;
  readonly runtimes: readonly RuntimeCommand[];
  /** What runs programs that name no runtime. Default: the runtime that runs this. */
  readonly own?: RuntimeCommand;
}

export function createGrowthBench(options: BenchOptions): GrowthBench {
  const { kafka, brokers, isQuick, runtimes, own = ownCommand() } = options;
  let isStopped = false;
  const checkStopped = (): void => {
    if (isStopped) throw new StoppedError();
  };
  const topics: string[] = [];
  const children: ChildProgram[] = [];
  const parts: GrowthBench[] = [];
  const bench: GrowthBench = {
    isQuick,
    runtimes,
    async topic(partitions, config = {}, name = `bench-${randomUUID()}`) {
      checkStopped();
      await kafka.admin().createTopics([{ name, partitions, config }]);
      topics.push(name);
      return name;
    },
    start(program, params, runtime = own) {
      checkStopped();
      const child = new ChildProgram(runtime, brokers, program, params);
      children.push(child);
      return child;
    },
    async run<T>(program: string, params: object, runtime?: RuntimeCommand): Promise<T> {
      const child = bench.start(program, params, runtime);
      try {
        return await child.next<T>();
      } finally {
        await child.kill();
      }
    },
    part() {
      checkStopped();
      const part = createGrowthBench(options);
      parts.push(part);
      return part;
    },
    stop() {
      isStopped = true;
      for (const part of parts) part.stop();
      for (const child of children) void child.kill();
    },
    async close() {
      await Promise.all(parts.splice(0).map((part) => part.close()));
      await Promise.all(children.splice(0).map((child) => child.kill()));
      const gone = topics.splice(0);
      if (gone.length > 0) await kafka.admin().deleteTopics(gone);
    },
  };
  return bench;
}

/** Somebody has asked for it. */
export class StoppedError extends Error {
  constructor() {
    super("stopped");
  }
}

/** Stops at the first signal that asks for it, so that topics on somebody's cluster do not stay behind. Gives what undoes it. */
export function stopOnSignals(bench: GrowthBench): () => void {
  const stop = (): void => {
    process.exitCode = 130;
    bench.stop();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}

export interface GrowthCluster {
  readonly kafka: Kafka;
  readonly brokers: readonly string[];
  close(): Promise<void>;
}

/** The brokers that KAFKA_BROKERS names, else the in-process broker, in a process of its own. */
export async function openGrowthCluster(): Promise<GrowthCluster> {
  const named = namedBrokers();
  const broker = named.length === 0 ? new ChildProgram(ownCommand(), [], "broker", {}) : undefined;
  const brokers = broker === undefined ? named : [(await broker.next<{ readonly address: string }>()).address];
  const kafka = new Kafka({ brokers, clientId: "bench" });
  const close = async (): Promise<void> => {
    await kafka.close();
    await broker?.kill();
  };
  try {
    await kafka.admin().describeCluster();
  } catch (cause) {
    await close();
    const what = "KAFKA_BROKERS names what to measure, and without it the in-process broker is";
    throw new UsageError(`${what}: ${(cause as Error).message}`, { cause });
  }
  return { kafka, brokers, close };
}
