import { checkOptions, optionalInteger, within } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkTopicName } from "./topic-name.ts";

/** Where a record is. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** As messages, headers and the command line have it. */
export function placeText({ topic, partition, offset }: RecordPlace): string {
  return `${topic}/${partition}/${offset}`;
}

/** A record's place as a caller gave it. It may be more than that, as a letter or a blocked job is. */
export function checkPlace(value: unknown, path: string): RecordPlace {
  const known = Object.keys((value as object | null | undefined) ?? {});
  const { topic, partition, offset } = checkOptions(value, path, known);
  return {
    topic: checkTopicName(topic, within(path, "topic")),
    partition: required(partition, within(path, "partition")),
    offset: required(offset, within(path, "offset")),
  };
}

function required(value: unknown, path: string): number {
  const number = optionalInteger(value, path, 0, Number.MAX_SAFE_INTEGER);
  if (number === undefined) throw new InvalidOptionError(path, "missing: a whole number is expected");
  return number;
}
