import { defaultPartition } from "../client/default-partitioner.ts";
import { InvalidArgumentError } from "../client/errors.ts";
import { checkRecord, copyOf, type HeaderInput, headersOf, type ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { checkOptions, describe, optionalInteger, optionalText, within } from "./check-options.ts";
import { checkInstant, dueTime } from "./due-time.ts";
import { InvalidOptionError } from "./errors.ts";
import { namedError } from "./named-error.ts";
import { entryRecord, OF_ENTRIES } from "./schedule-entry.ts";
import { scheduleTopicSettings } from "./schedule-topics.ts";
import { checkTopicName } from "./topic-name.ts";

/** A record for any topic, to be written at a time of its own. */
export interface MessageToSchedule extends Omit<ProducerRecord, "timestamp"> {
  /** A Date, or milliseconds since 1970. A past one: at once. */
  readonly at: Date | number;
  /** Which of the app's schedule topics it waits in. Default: the only one. */
  readonly scheduledMessagesTopic?: string | undefined;
}

/** A message that waits for its time: `app.cancel` and `app.reschedule` take it. */
export interface ScheduledMessage {
  readonly state: "scheduled";
  readonly entry: string;
  readonly dueAt: Date;
  /** Where it is written then. */
  readonly target: TopicPartition;
  /** Of the schedule topic, as are partition and offset. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const OPTIONS = ["topic", "key", "value", "headers", "partition", "at", "scheduledMessagesTopic"] as const;
const PATH = "schedule";

/** `app.schedule`: jobs' way of waiting, for any message. */
export async function scheduleMessage(app: AppState, message: MessageToSchedule): Promise<ScheduledMessage> {
  const runtime = app.slot.use();
  const { record, at, schedule } = checkMessage(app, message);
  const dueAt = dueTime({ wait: undefined, waitUntil: at }, runtime.clock.now(), PATH, "at");
  const entry = uuidv7(runtime.clock);
  const line = runtime.line(app.producer, schedule);
  let target: TopicPartition | undefined;
  const prepare = async (): Promise<ProducerRecord> => {
    const [count, places] = await Promise.all([
      line.sink.partitionsFor(record.topic),
      line.partitionCount(),
      runtime.scheduleTopics.check(schedule),
    ]);
    const { key, partition = defaultPartition(key ?? entry, count) } = record;
    if (partition >= count)
      throw new InvalidOptionError(
        within(PATH, "partition"),
        `${partition} given, and "${record.topic}" has ${count} partitions`,
      );
    target = { topic: record.topic, partition };
    const to = { topic: schedule, partition: defaultPartition(key ?? entry, places) };
    return entryRecord({ ...record, partition }, entry, dueAt, to);
  };
  runtime.enqueueBegan();
  try {
    const { partition, offset } = await line.sendInTurn(prepare());
    return { state: "scheduled", entry, dueAt: new Date(dueAt), target: target!, topic: schedule, partition, offset };
  } catch (error) {
    throw namedError(error, "", record.topic);
  } finally {
    runtime.enqueueEnded();
  }
}

interface CheckedMessage {
  readonly record: Omit<ProducerRecord, "headers"> & { readonly headers: readonly HeaderInput[] };
  readonly at: number;
  readonly schedule: string;
}

/** With copies of what may be changed later. */
function checkMessage(app: AppState, message: MessageToSchedule): CheckedMessage {
  const options = checkOptions(message, PATH, OPTIONS);
  const topic = checkTopicName(options.topic, within(PATH, "topic"));
  if (scheduleTopicSettings(app.settings.scheduledMessagesTopics, topic) !== undefined)
    throw new InvalidOptionError(
      within(PATH, "topic"),
      `"${topic}" is a schedule topic: it says where messages wait, not where they go`,
    );
  const { key, value, headers } = check(message);
  for (const [name] of headers)
    if (OF_ENTRIES.has(name)) throw new InvalidOptionError(`${PATH}.headers.${name}`, "the name is taken");
  return {
    record: {
      ...{ topic, key: copyOf(key), value: copyOf(value) },
      headers: headers.map(([name, part]): HeaderInput => [name, copyOf(part)]),
      partition: optionalInteger(options.partition, within(PATH, "partition"), 0, 2 ** 31 - 1),
    },
    at: checkInstant(options.at, within(PATH, "at")),
    schedule: chooseTopic(app, options.scheduledMessagesTopic),
  };
}

function check(message: MessageToSchedule): ProducerRecord & { readonly headers: readonly HeaderInput[] } {
  const record = { ...message, timestamp: undefined } as ProducerRecord;
  try {
    checkRecord(record);
    return { ...record, headers: headersOf(record) ?? [] };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidOptionError(PATH, error.message);
  }
}

function chooseTopic({ settings }: AppState, value: unknown): string {
  const known = [...settings.scheduledMessagesTopics.keys()];
  const option = within(PATH, "scheduledMessagesTopic");
  const name = optionalText(value, option);
  const problem = `one of the app's scheduledMessagesTopics is expected (${known.length === 0 ? "there are none" : known.join(", ")})`;
  if (name === undefined && known.length === 1) return known[0]!;
  if (name !== undefined && known.includes(name)) return name;
  throw new InvalidOptionError(option, `${describe(name)} given, ${problem}`);
}
