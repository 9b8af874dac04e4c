/**
 * A producer's id: an int64 that is only ever compared. Apache Kafka counts them up, so they are numbers; other brokers
 * make them up at random, and what a number cannot hold exactly is a bigint. Each id has one form: `===` compares them.
 */
export type ProducerId = number | bigint;

/** An id in its one form. */
export function producerIdOf(value: bigint): ProducerId {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Reads an id from its text. */
export function parseProducerId(text: string): ProducerId {
  return producerIdOf(BigInt(text));
}
