import type { Broker } from "../broker/broker.ts";
import { startBroker } from "../broker/start-broker.ts";
import type { Arguments, OptionSpecs } from "./arguments.ts";
import type { CliIo } from "./io.ts";
import { integerOption } from "./option-values.ts";
import { note } from "./output.ts";

/** Options of every command that runs the in-process broker. */
export const BROKER_OPTIONS: OptionSpecs = {
  port: { value: "N", help: "where to listen; default 9092, and 0 picks a free one" },
  host: { value: "HOST", help: "the interface to listen on; default 127.0.0.1, and 0.0.0.0 is all" },
  data: { value: "DIR", help: "the folder to keep everything in; default: in memory alone" },
};

const LAST_PORT = 65_535;

export function startLocalBroker(args: Arguments, io: CliIo): Promise<Broker> {
  return startBroker({
    port: integerOption(args, "port", 0, LAST_PORT),
    host: args.options.get("host"),
    data: args.options.get("data"),
    log: ({ kind, message, clientId }) =>
      note(io, `broker: ${kind}${clientId == null ? "" : ` (${clientId})`}: ${message}`),
  });
}

/** Where the broker is and what becomes of its data, as a line for people. */
export function describeBroker(address: string, args: Arguments): string {
  const data = args.options.get("data");
  return `Kafka broker on ${address}, ${data === undefined ? "in memory" : `with its data in ${data}`}\n`;
}
