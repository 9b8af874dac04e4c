import { JobError } from "./errors.ts";

/** A letter does not say where it comes from: something other than a worker wrote it. It stays. */
export class NoOriginError extends JobError {
  override readonly name = "NoOriginError";

  constructor(place: string) {
    super(
      "NO_ORIGIN",
      `${place} has no readable ottla-origin header, so nobody knows its queue: enqueue it anew, or discard it`,
    );
  }
}

/** There is no such letter: it never was, was deleted, or has been redriven or discarded. */
export class NoSuchLetterError extends JobError {
  override readonly name = "NoSuchLetterError";

  constructor(place: string, problem: string) {
    super("NO_SUCH_LETTER", `${place}: ${problem}`);
  }
}

/** A letter is too far behind the first one that is left: what is committed cannot tell of it. */
export class LetterTooFarError extends JobError {
  override readonly name = "LetterTooFarError";

  constructor(place: string, first: number, span: number) {
    super(
      "LETTER_TOO_FAR",
      `${place} is ${span} offsets or more behind the first letter that is left, at ${first}: redrive or discard that one before`,
    );
  }
}

/** The letter's queue has fewer partitions now: a job keeps its partition, so it has nowhere to go. */
export class PartitionGoneError extends JobError {
  override readonly name = "PartitionGoneError";

  constructor(place: string, topic: string, partition: number, count: number) {
    super(
      "PARTITION_GONE",
      `${place} belongs into partition ${partition} of ${topic}, which has ${count}: add partitions to it`,
    );
  }
}
