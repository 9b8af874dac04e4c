import type { Address } from "../net/transport.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Reads `host:port`, with an IPv6 address in brackets. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(typeof text === "string" ? text.trim() : "");
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw new InvalidArgumentError(
      `broker address ${JSON.stringify(text)}: host:port is wanted, as localhost:9092 or [::1]:9092`,
    );
  }
  return { host: (match[1] ?? match[2])!, port };
}
