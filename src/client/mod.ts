/**
 * The Kafka client: `new Kafka({ brokers })`, its producers, consumers and administration.
 *
 * @module
 */
export type { CompressionType } from "../../protocol/compression.ts";
export type { RecordHeader } from "../../protocol/named-headers.ts";
export { KafkaRecord } from "../../protocol/records.ts";
export type { ScramDigest, ScramHash } from "../../protocol/scram.ts";
export { type Clock, systemClock, type Timer } from "../net/clock.ts";
export type { AuthenticationErrorCode } from "../net/errors.ts";
export type { OAuthBearerToken, TokenSource } from "../net/oauthbearer-mechanism.ts";
export type { SaslContext, SaslMechanism } from "../net/sasl-mechanism.ts";
export type { PasswordSource } from "../net/scram-mechanism.ts";
export type { Address, ByteStream, Pem, StreamHandlers, TlsOptions, Transport } from "../net/transport.ts";
export { Admin, type AdminOptions } from "./admin.ts";
export type {
  Acl,
  AclFilter,
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
} from "./admin-acls.ts";
export type { BrokerDescription, ClusterDescription, FeatureDescription, FeatureUpdate } from "./admin-cluster.ts";
export type { ConfigChanges, ConfigDescription, ConfigEntry, ConfigResource } from "./admin-configs.ts";
export type { GroupDescription, GroupFilter, GroupListing, GroupMemberDescription } from "./admin-groups.ts";
export type { GroupLag, ListedOffset, OffsetQuery, RecordsToDelete } from "./admin-offsets.ts";
export type { NewPartitions, NewTopic, PartitionReplicas, TopicDescription } from "./admin-topics.ts";
export type { AssignorName } from "./assignor.ts";
export type { ClientEventName, ClientEvents } from "./client-events.ts";
export type {
  BrokerStatistics,
  ClientStatistics,
  ConsumerPartitionStatistics,
  ProducerPartitionStatistics,
} from "./client-statistics.ts";
export {
  Consumer,
  type ConsumerBatch,
  type PartitionLag,
} from "./consumer.ts";
export type { ConsumerEvents, ResetReason } from "./consumer-events.ts";
export type { AssignedPartition, ConsumerOptions } from "./consumer-options.ts";
export {
  AuthenticationError,
  ClosedError,
  ConnectionError,
  InvalidArgumentError,
  KafkaError,
  type KafkaErrorContext,
  LogTruncationError,
  ProtocolError,
  TimeoutError,
  UnsupportedVersionError,
} from "./errors.ts";
export type { GroupMetadata, GroupReader } from "./group-metadata.ts";
export type { CommittedOffset, GroupOffset } from "./group-offsets.ts";
export { Kafka, type KafkaOptions } from "./kafka.ts";
export type { LatencySummary } from "./latency-histogram.ts";
export type { OffsetPosition } from "./list-offsets.ts";
export type { GroupProtocol } from "./membership.ts";
export type { MembershipOptions } from "./membership-options.ts";
export type { PartitionOffset } from "./partition-offset.ts";
export { Producer } from "./producer.ts";
export type { Partitioner, ProducerOptions } from "./producer-options.ts";
export type { HeaderInput, ProducerRecord, RecordMetadata } from "./producer-record.ts";
export { SendManyError } from "./record-owners.ts";
export type { CustomSaslOptions, OAuthBearerOptions, PlainOptions, SaslOptions, ScramOptions } from "./sasl-options.ts";
export type { TopicPartition } from "./topic-partition.ts";
export { Transaction, type TransactionOffsets } from "./transaction.ts";
export { ProducerFencedError, TransactionAbortedError, TransactionOutcomeUnknownError } from "./transaction-errors.ts";
export { TransactionPool, type TransactionPoolOptions } from "./transaction-pool.ts";
export type { TransactionalProducerOptions } from "./transactional-options.ts";
export { TransactionalProducer, type TransactionContents, type TransactionResult } from "./transactional-producer.ts";
