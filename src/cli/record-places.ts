import type { RecordPlace } from "../jobs/record-place.ts";

/** A command's arguments, taken apart: places as `topic/partition/offset`, and all others. */
export interface PlacedArguments {
  readonly modules: readonly string[];
  readonly places: readonly RecordPlace[];
}

/** A module's file has an ending, so that none looks like a place. */
const PLACE = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/(\d{1,16})$/;

export function splitPlaces(positionals: readonly string[]): PlacedArguments {
  const modules: string[] = [];
  const places: RecordPlace[] = [];
  for (const text of positionals) {
    const match = PLACE.exec(text);
    if (match === null) modules.push(text);
    else places.push({ topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) });
  }
  return { modules, places };
}
