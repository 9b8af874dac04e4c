import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { type KafkaError, ProtocolError } from "./errors.ts";
import type { PartitionQueue, ProducerIdentity } from "./partition-queue.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** What whoever sends under an identity is told. */
export interface IdentityUser {
  /** What kept batches back may have passed. */
  resume(): void;
  /** It could not be had: for now, or for good where the error is not retriable. */
  troubled(error: KafkaError): void;
}

/** Where a sender has its producer id and epoch from, and what they allow. */
export interface IdentitySource {
  /** Null outside of transactions. */
  readonly transactionalId: string | null;
  /** The highest version of Produce that may be sent. */
  readonly maxProduceVersion: number | undefined;
  /** Why nothing more may be sent: whatever has not been sent fails with it. */
  readonly failure: KafkaError | undefined;
  /** The identity under which `queues` may be sent, or undefined: then it is being asked for, and `user` is told. */
  identityFor(queues: Iterable<PartitionQueue>, user: IdentityUser): ProducerIdentity | undefined;
  /** Whether the partition's next batch may be sent. Where not yet, `user` is told when to ask again. */
  admits(partition: TopicPartition, user: IdentityUser): boolean;
  /** A batch was given up. `wasSent`: under the identity, so that the sequences have a gap. */
  gaveUp(error: KafkaError, wasSent: boolean): void;
}

/** A producer id from any broker: for writers without transactions. A new one is taken when a queue has used up its epochs. */
export class IdempotentIdentity implements IdentitySource {
  readonly transactionalId = null;
  readonly maxProduceVersion = undefined;
  readonly failure = undefined;
  readonly #cluster: Cluster;
  #identity: ProducerIdentity | undefined;
  #isAsking = false;
  #failures = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  identityFor(queues: Iterable<PartitionQueue>, user: IdentityUser): ProducerIdentity | undefined {
    const identity = this.#identity;
    if (identity !== undefined && ![...queues].some((queue) => queue.needsIdentity(identity))) return identity;
    if (!this.#isAsking) {
      this.#isAsking = true;
      void this.#ask(user);
    }
    return undefined;
  }

  admits(): boolean {
    return true;
  }

  gaveUp(): void {}

  async #ask(user: IdentityUser): Promise<void> {
    const { clock, options } = this.#cluster;
    try {
      const connection = await this.#cluster.any("general");
      const answer = await connection.send(initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
        producerId: -1,
        producerEpoch: -1,
      });
      if (answer.errorCode !== 0)
        throw new ProtocolError(answer.errorCode, "producer id", { broker: connection.broker });
      this.#identity = { producerId: answer.producerId, epoch: answer.producerEpoch };
      this.#failures = 0;
    } catch (error) {
      user.troubled(error as KafkaError);
      this.#failures++;
      await new Promise<void>((resolve) =>
        clock.timer(backoffDelay(options.retryBackoff, this.#failures, clock), resolve),
      );
    }
    this.#isAsking = false;
    user.resume();
  }
}
