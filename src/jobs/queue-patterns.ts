import { topicPattern } from "../client/topic-pattern.ts";
import { checkOptions, describe, within } from "./check-options.ts";
import { InvalidOptionError, OverlappingPatternsError } from "./errors.ts";
import { type QueueOptions, type QueueSettings, resolveQueue } from "./queue-options.ts";
import { type AppTopicNames, isReservedTopic } from "./reserved-topics.ts";

/** Settings of every queue whose name a pattern matches. Workers find such topics by themselves, new ones too. */
export interface QueuePatternOptions extends QueueOptions {
  /**
   * Looked for anywhere in the topic's name, by JavaScript's own rules: `^` and `$` hold it to all of the name. Internal
   * topics, names that begin with "__", and the app's schedule, state and dead letter topics never match.
   */
  readonly match: RegExp;
}

/** One pattern, checked. */
export interface QueuePattern {
  readonly match: RegExp;
  /** As it was written, for messages. */
  readonly text: string;
  readonly matches: (name: string) => boolean;
  /** Of any queue that it matches, but for the name. */
  readonly settings: QueueSettings;
}

/** Stands for the name in a pattern's settings. */
const ANY = "any";

export function resolveQueuePatterns(value: unknown): readonly QueuePattern[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw new InvalidOptionError(
      "queuePatterns",
      `${describe(value)} given, a list as [{ match: /^tenant-/ }] is expected`,
    );
  }
  return value.map((each: unknown, i) => resolvePattern(each, `queuePatterns[${i}]`));
}

function resolvePattern(value: unknown, path: string): QueuePattern {
  const { match, ...rest } = checkOptions(value, path, Object.keys((value as object | null | undefined) ?? {}));
  if (!(match instanceof RegExp)) {
    throw new InvalidOptionError(within(path, "match"), `${describe(match)} given, a RegExp is expected`);
  }
  return { match, text: String(match), matches: topicPattern(match), settings: resolveQueue(ANY, rest, path) };
}

/** What of an app's settings decides which pattern a queue belongs to. */
export interface PatternSource extends AppTopicNames {
  readonly queuePatterns: readonly QueuePattern[];
}

/** The patterns that match a topic, whether or not the options name it as well. */
export function patternsOf(app: PatternSource, topic: string): readonly QueuePattern[] {
  const matching = app.queuePatterns.filter(({ matches }) => matches(topic));
  if (matching.length === 0) return matching;
  return isReservedTopic(
    app,
    app.queuePatterns.map(({ settings }) => settings),
    topic,
  )
    ? []
    : matching;
}

/**
 * The settings of a queue that the options do not name but a pattern matches; undefined where none does. Throws an
 * {@link OverlappingPatternsError} where several do.
 */
export function settingsByPattern(app: PatternSource, name: string): QueueSettings | undefined {
  const matching = patternsOf(app, name);
  if (matching.length > 1)
    throw new OverlappingPatternsError(
      name,
      matching.map(({ text }) => text),
    );
  return matching[0] === undefined ? undefined : { ...matching[0].settings, name, pattern: matching[0].text };
}
