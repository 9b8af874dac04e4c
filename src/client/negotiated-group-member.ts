import { consumerGroupHeartbeat } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { sleep } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import { backoffDelay } from "./backoff.ts";
import { ClassicGroupMember } from "./classic-group-member.ts";
import type { Cluster } from "./cluster.ts";
import { ConsumerGroupMember } from "./consumer-group-member.ts";
import type { Coordinator } from "./coordinator.ts";
import { asKafkaError, type KafkaError, UnsupportedVersionError } from "./errors.ts";
import { type GroupMember, type GroupMemberOptions, TROUBLE } from "./group-member.ts";
import type { Lease } from "./lease.ts";
import type { GroupHandlers, GroupProtocol, Membership } from "./membership.ts";

const FEATURE = "group.version";
/** Version 0 of the heartbeat came with brokers that had the protocol in early access only. */
const FIRST_STABLE = 1;
const NOT_JOINED: Membership = { memberId: "", generationId: -1 };
/** A classic group that may not be converted: `group.consumer.migration.policy`. */
const CLASSIC_ONLY = "GROUP_ID_NOT_FOUND";

/** A member that learns from its coordinator which protocol to speak, and speaks that until its end. */
export class NegotiatedGroupMember implements GroupMember {
  readonly lease: Lease;
  readonly coordinator: Coordinator;
  readonly #cluster: Cluster;
  readonly #options: GroupMemberOptions & { readonly groupProtocol?: GroupProtocol | undefined };
  readonly #handlers: GroupHandlers;
  readonly #stop = new AbortController();
  #member: GroupMember | undefined;

  constructor(
    cluster: Cluster,
    options: GroupMemberOptions & { readonly groupProtocol?: GroupProtocol | undefined },
    handlers: GroupHandlers,
    coordinator: Coordinator,
    lease: Lease,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#handlers = handlers;
    this.coordinator = coordinator;
    this.lease = lease;
  }

  start(): void {
    void this.#negotiate();
  }

  async #negotiate(): Promise<void> {
    const { clock, options } = this.#cluster;
    for (let failures = 1; !this.#stop.signal.aborted; failures++) {
      try {
        const protocol = this.#choose(await this.coordinator.connection("heartbeat"));
        if (!this.#stop.signal.aborted) this.#use(protocol);
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const known = asKafkaError(error);
        if (!known.retriable) return this.#fail(known);
        if (failures % TROUBLE === 0) this.#handlers.troubled(known);
        await sleep(clock, backoffDelay(options.retryBackoff, failures, clock), this.#stop.signal);
      }
    }
  }

  #choose(connection: Connection): GroupProtocol {
    const isAsked = this.#options.groupProtocol === "consumer";
    const isFinalized = connection.feature(FEATURE) >= 1 && connection.supports(consumerGroupHeartbeat);
    const isStable = isFinalized && connection.versionOf(consumerGroupHeartbeat) >= FIRST_STABLE;
    if (isStable || (isFinalized && isAsked)) return "consumer";
    if (!isAsked) return "classic";
    throw new UnsupportedVersionError(
      `broker ${connection.broker} does not offer the consumer group protocol: its cluster needs Kafka 4.0 and the feature ${FEATURE} finalized, or leave out groupProtocol to use the classic one there`,
      { broker: connection.broker },
    );
  }

  #use(protocol: GroupProtocol): void {
    if (protocol === "classic") this.#begin(ClassicGroupMember, this.#handlers);
    else this.#begin(ConsumerGroupMember, { ...this.#handlers, failed: (error) => this.#consumerFailed(error) });
  }

  #begin(Member: typeof ClassicGroupMember | typeof ConsumerGroupMember, handlers: GroupHandlers): void {
    this.#member = new Member(this.#cluster, this.#options, handlers, this.coordinator, this.lease);
    this.#member.start();
  }

  #consumerFailed(error: KafkaError): void {
    const isChosen = this.#options.groupProtocol === undefined && error.code === CLASSIC_ONLY;
    if (isChosen && !this.#stop.signal.aborted) this.#use("classic");
    else this.#fail(error);
  }

  #fail(error: KafkaError): void {
    this.#stop.abort();
    this.#handlers.failed(error);
  }

  get membership(): Membership {
    return this.#member?.membership ?? NOT_JOINED;
  }
  owns(topic: string, partition: number): boolean {
    return this.#member?.owns(topic, partition) ?? false;
  }
  topicsChanged(): void {
    this.#member?.topicsChanged();
  }
  refused(errorCode: number, generationId: number): void {
    this.#member?.refused(errorCode, generationId);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#member?.close();
  }
}
