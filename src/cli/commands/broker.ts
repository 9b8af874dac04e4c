import type { Arguments } from "../arguments.ts";
import { UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import { jsonLine } from "../output.ts";
import { shutdownAsked, watchShutdown } from "../shutdown.ts";
import { BROKER_OPTIONS, describeBroker, startLocalBroker } from "../start-local-broker.ts";

export const broker: Command = {
  name: "broker",
  usage: "[options]",
  summary: "run a Kafka broker for development",
  details: `A broker that speaks Kafka's wire protocol, for when there is no Kafka at hand. Apps that use it create the topics of
their queues. It keeps everything in memory, or with --data in a folder: what it has acknowledged is there again when it
is started anew, even if it was killed. It runs until SIGINT or SIGTERM.`,
  options: { ...BROKER_OPTIONS, json: { help: "the address, as a line of JSON" } },
  examples: ["ottla broker", "ottla broker --data ./kafka", "ottla broker --host 0.0.0.0 --port 19092"],
  run: runBroker,
};

async function runBroker(args: Arguments, io: CliIo): Promise<number> {
  const [extra] = args.positionals;
  if (extra !== undefined)
    throw new UsageError(`ottla broker takes no argument, and ${JSON.stringify(extra)} is given`);
  const running = await startLocalBroker(args, io);
  const shutdown = watchShutdown(io);
  const { address } = running;
  io.stdout.write(args.options.has("json") ? jsonLine({ address }) : describeBroker(address, args));
  await shutdownAsked(shutdown);
  await running.close();
  shutdown.remove();
  return EXIT.ok;
}
