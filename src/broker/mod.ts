export type { ListenTlsOptions, Pem } from "../net/transport.ts";
export {
  type Broker,
  BrokerError,
  type CreateTopicOptions,
  type PartitionSummary,
  type TopicSummary,
} from "./broker.ts";
export type { BrokerEvent } from "./broker-event.ts";
export type { Faults } from "./faults.ts";
export type { FeatureLevels } from "./features.ts";
export type { GroupMemberSummary, GroupOffsetSummary, GroupSummary } from "./group-summary.ts";
export type { FaultHandle, FaultMatch, FaultMoment, ObservedRequest } from "./request-faults.ts";
export type { BrokerSaslOptions, SaslMechanismName, TokenOwner } from "./sasl-server.ts";
export { type BrokerOptions, startBroker } from "./start-broker.ts";
export { type Storage, StorageError, type StoredFile } from "./storage.ts";
export type { TopicConfigs } from "./topic-configs.ts";
