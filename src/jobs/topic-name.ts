import { describe } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** The name of a queue, which is the name of its topic: what Kafka allows, so that a wrong one fails at once. */
export function checkTopicName(name: unknown, option: string): string {
  if (typeof name === "string" && NAME.test(name) && name !== "." && name !== "..") return name;
  throw new InvalidOptionError(
    option,
    `${describe(name)} is no topic name: 1 to 249 letters (a-z, A-Z), digits, ".", "_" and "-" are expected`,
  );
}
