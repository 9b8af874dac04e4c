import process from "node:process";

/** What KAFKA_BROKERS names, `host:port` with commas between; nothing where it is not set. */
export function namedBrokers(): string[] {
  return (process.env.KAFKA_BROKERS ?? "").split(",").filter((address) => address !== "");
}
