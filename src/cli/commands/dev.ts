import type { Broker } from "../../broker/broker.ts";
import { AppInUseError } from "../../jobs/errors.ts";
import { fillRuntime } from "../../jobs/fill-runtime.ts";
import { tcp } from "../../net/tcp.ts";
import { APP_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { describeApp } from "../describe-app.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import { type LoadedApp, loadApp } from "../load-app.ts";
import { painter } from "../output.ts";
import { runWorker, WORK_OPTIONS, workOptions } from "../run-worker.ts";
import { shutdownAsked, watchShutdown } from "../shutdown.ts";
import { BROKER_OPTIONS, describeBroker, startLocalBroker } from "../start-local-broker.ts";
import { printPlans } from "./topics.ts";

export const dev: Command = {
  name: "dev",
  usage: "[MODULE…] [options]",
  summary: "run a broker and a worker, in one process",
  details: `Everything that an app needs, for development: a broker in memory or, with --data, in a folder; the topics of the
app's queues; and a worker that runs its jobs. The app uses this broker, whatever it says itself. Without a MODULE, the
broker alone.`,
  options: { ...BROKER_OPTIONS, ...APP_OPTIONS, ...WORK_OPTIONS },
  examples: ["ottla dev worker.ts", "ottla dev worker.ts --port 0"],
  run: runDev,
};

async function runDev(args: Arguments, io: CliIo): Promise<number> {
  const broker = await startLocalBroker(args, io);
  try {
    const paint = painter(io, io.stdout);
    io.stdout.write(describeBroker(paint("bold", broker.address), args));
    return args.positionals.length === 0 ? await untilStopped(io) : await work(broker, args, io);
  } finally {
    await broker.close();
  }
}

async function untilStopped(io: CliIo): Promise<number> {
  const shutdown = watchShutdown(io);
  await shutdownAsked(shutdown);
  shutdown.remove();
  return EXIT.ok;
}

async function work(broker: Broker, args: Arguments, io: CliIo): Promise<number> {
  // For whatever else the modules hold: other apps, and clients of their own.
  const configured = io.env.KAFKA_BROKERS;
  io.env.KAFKA_BROKERS = broker.address;
  const loaded = await loadApp(args.positionals, args.options.get("app"), io);
  const options = workOptions(loaded, args);
  useBroker(loaded, broker);
  describeApp(loaded, options.queues, [broker.address], io, false);
  return runWorker(loaded, options, io, async () => {
    printPlans(await loaded.app.topics.apply(), true, io);
    io.stdout.write(`\n${enqueueExample(loaded, broker, configured, io)}\n\n`);
    return true;
  });
}

function useBroker({ app, state }: LoadedApp, broker: Broker): void {
  try {
    fillRuntime(app, { brokers: broker.addresses, transport: tcp });
  } catch (error) {
    // A module that enqueues as it is loaded is in use already, through KAFKA_BROKERS, unless it names brokers of its own.
    if (!(error instanceof AppInUseError) || state.settings.kafka.brokers !== undefined) throw error;
  }
}

/** How to enqueue from another terminal. */
function enqueueExample(loaded: LoadedApp, broker: Broker, configured: string | undefined, io: CliIo): string {
  const { registry, settings } = loaded.state;
  const port = broker.address.slice(broker.address.lastIndexOf(":"));
  const elsewhere = settings.kafka.brokers ?? (configured === undefined ? ["localhost:9092"] : configured.split(","));
  const isFound = elsewhere.some((address) => [broker.address, `localhost${port}`].includes(address.trim()));
  const option = isFound ? "" : ` --brokers ${broker.address}`;
  const paint = painter(io, io.stdout);
  const command = `ottla enqueue ${loaded.modules[0]} ${registry.names[0]} '{ payload as JSON }'${option}`;
  return `From another terminal:\n  ${paint("cyan", command)}`;
}
