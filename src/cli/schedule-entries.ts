import type { ScheduledEntry } from "../jobs/scheduled-jobs.ts";

/** A command's arguments, taken apart: entries as `topic/partition/uuid`, and all others. */
export interface EntryArguments {
  readonly modules: readonly string[];
  readonly entries: readonly ScheduledEntry[];
}

const ENTRY = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/;

export function splitEntries(positionals: readonly string[]): EntryArguments {
  const modules: string[] = [];
  const entries: ScheduledEntry[] = [];
  for (const text of positionals) {
    const match = ENTRY.exec(text);
    if (match === null) modules.push(text);
    else entries.push({ topic: match[1]!, partition: Number(match[2]), entry: match[3]! });
  }
  return { modules, entries };
}

export function entryText({ topic, partition, entry }: ScheduledEntry): string {
  return `${topic}/${partition}/${entry}`;
}
