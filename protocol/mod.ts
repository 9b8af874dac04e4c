/** The wire protocol of Apache Kafka: messages, frames, record batches, error codes. Pure functions over bytes. */
export { type Api, type ApiDeclaration, api, decodeBody, encodeBody, type Message, message } from "./api.ts";
export {
  BatchBuilder,
  type HeaderToWrite,
  NO_PRODUCER,
  type PartToWrite,
  type ProducerStamp,
} from "./batch-builder.ts";
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
  producerId,
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
  type DescribedGroup,
  type DescribedGroupMember,
  type DescribeGroupsRequest,
  type DescribeGroupsResponse,
  describeGroups,
} from "./messages/15-describe-groups.ts";
export {
  type ListedGroup,
  type ListGroupsRequest,
  type ListGroupsResponse,
  listGroups,
} from "./messages/16-list-groups.ts";
export { type SaslHandshakeRequest, type SaslHandshakeResponse, saslHandshake } from "./messages/17-sasl-handshake.ts";
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
  type DeleteRecordsPartition,
  type DeleteRecordsPartitionResult,
  type DeleteRecordsRequest,
  type DeleteRecordsResponse,
  type DeleteRecordsTopic,
  type DeleteRecordsTopicResult,
  deleteRecords,
} from "./messages/21-delete-records.ts";
export {
  type InitProducerIdRequest,
  type InitProducerIdResponse,
  initProducerId,
} from "./messages/22-init-producer-id.ts";
export {
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderPartition,
  type OffsetForLeaderPartitionResult,
  type OffsetForLeaderTopic,
  type OffsetForLeaderTopicResult,
  offsetForLeaderEpoch,
} from "./messages/23-offset-for-leader-epoch.ts";
export {
  type AddPartitionsToTxnPartitionResult,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnResult,
  type AddPartitionsToTxnTopic,
  type AddPartitionsToTxnTopicResult,
  type AddPartitionsToTxnTransaction,
  addPartitionsToTxn,
} from "./messages/24-add-partitions-to-txn.ts";
export {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
  addOffsetsToTxn,
} from "./messages/25-add-offsets-to-txn.ts";
export { type EndTxnRequest, type EndTxnResponse, endTxn } from "./messages/26-end-txn.ts";
export {
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestPartition,
  type TxnOffsetCommitRequestTopic,
  type TxnOffsetCommitResponse,
  type TxnOffsetCommitResponsePartition,
  type TxnOffsetCommitResponseTopic,
  txnOffsetCommit,
} from "./messages/28-txn-offset-commit.ts";
export {
  type AclDescription,
  type DescribeAclsRequest,
  type DescribeAclsResource,
  type DescribeAclsResponse,
  describeAcls,
} from "./messages/29-describe-acls.ts";
export {
  type AclCreation,
  type AclCreationResult,
  type CreateAclsRequest,
  type CreateAclsResponse,
  createAcls,
} from "./messages/30-create-acls.ts";
export {
  type DeleteAclsFilter,
  type DeleteAclsFilterResult,
  type DeleteAclsMatchingAcl,
  type DeleteAclsRequest,
  type DeleteAclsResponse,
  deleteAcls,
} from "./messages/31-delete-acls.ts";
export {
  type DescribeConfigsRequest,
  type DescribeConfigsResource,
  type DescribeConfigsResourceResult,
  type DescribeConfigsResponse,
  type DescribeConfigsResult,
  type DescribeConfigsSynonym,
  describeConfigs,
} from "./messages/32-describe-configs.ts";
export {
  type SaslAuthenticateRequest,
  type SaslAuthenticateResponse,
  saslAuthenticate,
} from "./messages/36-sasl-authenticate.ts";
export {
  type CreatePartitionsAssignment,
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  type CreatePartitionsTopic,
  type CreatePartitionsTopicResult,
  createPartitions,
} from "./messages/37-create-partitions.ts";
export {
  type DeletableGroupResult,
  type DeleteGroupsRequest,
  type DeleteGroupsResponse,
  deleteGroups,
} from "./messages/42-delete-groups.ts";
export {
  type AlterableConfig,
  type AlterConfigsResource,
  type AlterConfigsResourceResponse,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
  incrementalAlterConfigs,
} from "./messages/44-incremental-alter-configs.ts";
export {
  type OffsetDeleteRequest,
  type OffsetDeleteRequestPartition,
  type OffsetDeleteRequestTopic,
  type OffsetDeleteResponse,
  type OffsetDeleteResponsePartition,
  type OffsetDeleteResponseTopic,
  offsetDelete,
} from "./messages/47-offset-delete.ts";
export {
  type FeatureUpdate,
  type UpdatableFeatureResult,
  type UpdateFeaturesRequest,
  type UpdateFeaturesResponse,
  updateFeatures,
} from "./messages/57-update-features.ts";
export {
  type DescribeClusterBroker,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
  describeCluster,
} from "./messages/60-describe-cluster.ts";
export {
  type ActiveProducer,
  type DescribeProducersPartitionResult,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
  type DescribeProducersTopic,
  type DescribeProducersTopicResult,
  describeProducers,
} from "./messages/61-describe-producers.ts";
export {
  type DescribedTransaction,
  type DescribedTransactionTopic,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
  describeTransactions,
} from "./messages/65-describe-transactions.ts";
export {
  type ListedTransaction,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
  listTransactions,
} from "./messages/66-list-transactions.ts";
export {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
  type HeartbeatAssignment,
  type HeartbeatTopicPartitions,
} from "./messages/68-consumer-group-heartbeat.ts";
export {
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeResponse,
  consumerGroupDescribe,
  type DescribedAssignment,
  type DescribedConsumerGroup,
  type DescribedConsumerGroupMember,
  type DescribedTopicPartitions,
} from "./messages/69-consumer-group-describe.ts";
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
export type { RecordHeader } from "./named-headers.ts";
export type { ProducerId } from "./producer-id.ts";
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
export { type FetchedRecords, KafkaRecord, readFetched, readRecords } from "./records.ts";
export { type ByteSource, EncodeError, Writer } from "./writer.ts";
