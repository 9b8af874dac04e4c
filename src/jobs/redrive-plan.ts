import type { AppState } from "./app-state.ts";
import { type DeadLetter, readLetter } from "./dead-letter.ts";
import { NoOriginError, NoSuchLetterError, PartitionGoneError } from "./dead-letter-errors.ts";
import { type JobError, TopicMissingError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";
import { type LetterPartition, lookAtLetters } from "./letter-partitions.ts";
import { readPartition } from "./partition-reader.ts";
import { placeText, type RecordPlace } from "./record-place.ts";

/** A letter that was to be redriven or discarded, and stays. */
export interface DeadLetterFailure extends RecordPlace {
  readonly error: Error;
}

/** Which letters. */
export interface LetterChoice {
  readonly topics: readonly string[];
  /** Undefined: all. */
  readonly places: readonly RecordPlace[] | undefined;
  readonly limit: number;
}

/** Letters of one partition that are to be dealt with, and where each goes: undefined is nowhere. */
export interface PlannedPartition extends LetterPartition {
  readonly chosen: Map<number, string | undefined>;
}

export interface RedrivePlan {
  readonly partitions: readonly PlannedPartition[];
  readonly failures: readonly DeadLetterFailure[];
}

/** Finds the letters that are to be discarded. */
export function planDiscard(app: AppState, choice: LetterChoice, signal: AbortSignal): Promise<RedrivePlan> {
  return plan(app, choice, () => Promise.resolve({ to: undefined }), signal);
}

/** Finds the letters that are to go back, and whether their queues can take them. Changes nothing. */
export function planRedrive(app: AppState, choice: LetterChoice, signal: AbortSignal): Promise<RedrivePlan> {
  const partitions = new Map<string, number | undefined>();
  const countOf = async (topic: string): Promise<number | undefined> => {
    if (!partitions.has(topic)) partitions.set(topic, (await findTopics(app, [topic])).get(topic)?.partitions);
    return partitions.get(topic);
  };
  const judge = async (letter: DeadLetter): Promise<Judgement> => {
    const { queue, partition } = letter;
    if (queue === undefined) return { error: new NoOriginError(placeText(letter)) };
    const count = await countOf(queue);
    if (count === undefined) return { error: new TopicMissingError([queue]) };
    if (partition >= count) return { error: new PartitionGoneError(placeText(letter), queue, partition, count) };
    return { to: queue };
  };
  return plan(app, choice, judge, signal);
}

const GONE = "there is no such letter, or it has been redriven or discarded";

type Judgement = { readonly to: string | undefined } | { readonly error: JobError };

async function plan(
  app: AppState,
  { topics, places, limit }: LetterChoice,
  judge: (letter: DeadLetter) => Promise<Judgement>,
  signal: AbortSignal,
): Promise<RedrivePlan> {
  const { kafka } = app.slot.use();
  const wanted = places === undefined ? undefined : new Map(places.map((place) => [placeText(place), place]));
  const failures: DeadLetterFailure[] = [];
  const partitions: PlannedPartition[] = [];
  let left = limit;
  for (const partition of await lookAtLetters(app, topics, signal)) {
    const chosen = new Map<number, string | undefined>();
    const [from, to] = range(partition, places);
    for await (const { records } of readPartition(kafka, partition, from, to, signal)) {
      for (const record of records) {
        if (left === 0) break;
        const { topic, partition: number } = partition;
        const place = { topic, partition: number, offset: record.offset };
        if (partition.finished.has(record.offset) || wanted?.delete(placeText(place)) === false) continue;
        const judgement = await judge(readLetter(topic, number, record));
        if ("error" in judgement) failures.push({ ...place, error: judgement.error });
        else {
          chosen.set(record.offset, judgement.to);
          left--;
        }
      }
      if (left === 0) break;
    }
    if (chosen.size > 0) partitions.push({ ...partition, chosen });
  }
  const all = left === 0 ? [] : (wanted?.values() ?? []);
  for (const place of all) failures.push({ ...place, error: new NoSuchLetterError(placeText(place), GONE) });
  return { partitions, failures };
}

/** What has to be read of a partition. */
function range(
  { topic, partition, finished, end }: LetterPartition,
  places: readonly RecordPlace[] | undefined,
): [from: number, to: number] {
  if (places === undefined) return [finished.base, end];
  const offsets = places.filter((place) => place.topic === topic && place.partition === partition);
  if (offsets.length === 0) return [end, end];
  const numbers = offsets.map(({ offset }) => offset).sort((a, b) => a - b);
  return [Math.max(finished.base, numbers[0]!), Math.min(end, numbers.at(-1)! + 1)];
}
