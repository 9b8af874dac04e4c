import { type ProducerId, parseProducerId } from "../../protocol/producer-id.ts";
import { type Journal, type JournalChange, noJournal } from "./journal.ts";
import type { JournalValue } from "./journal-value.ts";

/** A committed offset as it is kept: with its place among the group's commits. */
export interface StoredOffset {
  readonly topic: string;
  readonly partition: number;
  /** The producer whose open transaction commits it; undefined: it is committed. */
  readonly producerId: ProducerId | undefined;
  readonly value: JournalValue;
}

/** What one group keeps beyond the life of the process. */
export interface GroupKeeper {
  /** What the last process had kept of it. */
  readonly offsets: readonly StoredOffset[];
  readonly members: JournalValue | undefined;
  offsetChange(
    topic: string,
    partition: number,
    producerId: ProducerId | undefined,
    value?: JournalValue,
  ): JournalChange;
  membersChange(value?: JournalValue): JournalChange;
  write(changes: readonly JournalChange[]): void;
}

interface FoundGroup {
  readonly offsets: StoredOffset[];
  members: JournalValue | undefined;
}

/** The groups in a journal. Group ids may hold anything, so they come last in a key; topics' names have no slash. */
export class GroupStore {
  readonly #journal: Journal;
  readonly #found = new Map<string, FoundGroup>();

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const [key, value] of journal.entries) this.#take(key, value);
  }

  #take(key: string, value: JournalValue): void {
    const members = /^members\/(.*)$/s.exec(key);
    if (members !== null) {
      this.#group(members[1]!).members = value;
      return;
    }
    const offset = /^offset\/([^/]*)\/(\d+)\/(\d*)\/(.*)$/s.exec(key);
    if (offset === null) return;
    const [, topic, partition, producerId, groupId] = offset;
    this.#group(groupId!).offsets.push({
      topic: topic!,
      partition: Number(partition),
      producerId: producerId === "" ? undefined : parseProducerId(producerId!),
      value,
    });
  }

  #group(groupId: string): FoundGroup {
    let found = this.#found.get(groupId);
    if (found === undefined) {
      found = { offsets: [], members: undefined };
      this.#found.set(groupId, found);
    }
    return found;
  }

  /** The groups that the last process had. */
  get groupIds(): readonly string[] {
    return [...this.#found.keys()];
  }

  /** What a group keeps; undefined: nothing is kept. What was found of it is handed out once. */
  keeper(groupId: string): GroupKeeper | undefined {
    if (this.#journal === noJournal) return undefined;
    const { offsets, members } = this.#found.get(groupId) ?? { offsets: [], members: undefined };
    this.#found.delete(groupId);
    return {
      offsets,
      members,
      offsetChange: (topic, partition, producerId, value) => {
        return [`offset/${topic}/${partition}/${producerId ?? ""}/${groupId}`, value];
      },
      membersChange: (value) => [`members/${groupId}`, value],
      write: (changes) => this.#journal.write(changes),
    };
  }
}
