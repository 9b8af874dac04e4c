/** The wire protocol of Apache Kafka: messages, frames, record batches, error codes. Pure functions over bytes. */
export { type Api, type ApiDeclaration, api, decodeBody, encodeBody, type Message, message } from "./api.ts";
export { BatchBuilder, type HeaderToWrite, NO_PRODUCER, type ProducerStamp } from "./batch-builder.ts";
export { CodecError } from "./codec-error.ts";
export {
  CodecUnavailableError,
  type CompressionType,
  codecIds,
  compress,
  decompress,
  type Zlib,
} from "./compression.ts";
export { crc32c } from "./crc32c.ts";
export { ErrorCode, type ErrorEntry, type ErrorName, errorByCode } from "./errors.ts";
export {
  array,
  boolean,
  bytes,
  type Draft,
  defaultOf,
  Field,
  float64,
  int8,
  int16,
  int32,
  int64,
  isDefault,
  type Kind,
  type Primitive,
  records,
  string,
  struct,
  uint16,
  uint32,
  uuid,
  ZERO_UUID,
} from "./field.ts";
export {
  correlationIdOf,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  expectEnd,
  FrameSplitter,
  type RequestHeader,
} from "./frame.ts";
export {
  type BatchIndexAndErrorMessage,
  type PartitionProduceData,
  type PartitionProduceResponse,
  type ProduceRequest,
  type ProduceResponse,
  produce,
  type TopicProduceData,
  type TopicProduceResponse,
} from "./messages/00-produce.ts";
export {
  type AbortedTransaction,
  type EpochEndOffset,
  type FetchableTopicResponse,
  type FetchPartition,
  type FetchRequest,
  type FetchResponse,
  type FetchTopic,
  type ForgottenTopic,
  fetch,
  type PartitionData,
  type ReplicaState,
  type SnapshotId,
} from "./messages/01-fetch.ts";
export {
  type ListOffsetsPartition,
  type ListOffsetsPartitionResponse,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  type ListOffsetsTopic,
  type ListOffsetsTopicResponse,
  listOffsets,
} from "./messages/02-list-offsets.ts";
export {
  type MetadataRequest,
  type MetadataRequestTopic,
  type MetadataResponse,
  type MetadataResponseBroker,
  type MetadataResponsePartition,
  type MetadataResponseTopic,
  metadata,
} from "./messages/03-metadata.ts";
export {
  type OffsetCommitRequest,
  type OffsetCommitRequestPartition,
  type OffsetCommitRequestTopic,
  type OffsetCommitResponse,
  type OffsetCommitResponsePartition,
  type OffsetCommitResponseTopic,
  offsetCommit,
} from "./messages/08-offset-commit.ts";
export {
  type OffsetFetchRequest,
  type OffsetFetchRequestGroup,
  type OffsetFetchRequestTopic,
  type OffsetFetchRequestTopics,
  type OffsetFetchResponse,
  type OffsetFetchResponseGroup,
  type OffsetFetchResponsePartition,
  type OffsetFetchResponsePartitions,
  type OffsetFetchResponseTopic,
  type OffsetFetchResponseTopics,
  offsetFetch,
} from "./messages/09-offset-fetch.ts";
export {
  type Coordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
  findCoordinator,
} from "./messages/10-find-coordinator.ts";
export {
  type JoinGroupRequest,
  type JoinGroupRequestProtocol,
  type JoinGroupResponse,
  type JoinGroupResponseMember,
  joinGroup,
} from "./messages/11-join-group.ts";
export { type HeartbeatRequest, type HeartbeatResponse, heartbeat } from "./messages/12-heartbeat.ts";
export {
  type LeaveGroupRequest,
  type LeaveGroupResponse,
  leaveGroup,
  type MemberIdentity,
  type MemberResponse,
} from "./messages/13-leave-group.ts";
export {
  type SyncGroupRequest,
  type SyncGroupRequestAssignment,
  type SyncGroupResponse,
  syncGroup,
} from "./messages/14-sync-group.ts";
export {
  type ApiVersion,
  type ApiVersionsRequest,
  type ApiVersionsResponse,
  apiVersions,
  type FinalizedFeatureKey,
  type SupportedFeatureKey,
} from "./messages/18-api-versions.ts";
export {
  type CreatableReplicaAssignment,
  type CreatableTopic,
  type CreatableTopicConfig,
  type CreatableTopicConfigs,
  type CreatableTopicResult,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createTopics,
} from "./messages/19-create-topics.ts";
export {
  type DeletableTopicResult,
  type DeleteTopicState,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
  deleteTopics,
} from "./messages/20-delete-topics.ts";
export {
  type InitProducerIdRequest,
  type InitProducerIdResponse,
  initProducerId,
} from "./messages/22-init-producer-id.ts";
export {
  type ConsumerProtocolAssignment,
  type ConsumerProtocolSubscription,
  consumerProtocolAssignment,
  consumerProtocolSubscription,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type TopicPartition,
} from "./messages/consumer-protocol.ts";
export type { LeaderIdAndEpoch, NodeEndpoint } from "./messages/leader-hints.ts";
export { murmur2, partitionForKey } from "./murmur2.ts";
export { DecodeError, Reader } from "./reader.ts";
export {
  attributesOf,
  type BatchHeader,
  checkCrc,
  codecIdOf,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetOf,
  readBatchHeader,
  readBatchHeaders,
} from "./record-batch.ts";
export { type FetchedRecords, KafkaRecord, type RecordHeader, readFetched, readRecords } from "./records.ts";
export { type ByteSource, EncodeError, Writer } from "./writer.ts";
