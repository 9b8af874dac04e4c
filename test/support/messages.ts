import type { Api, Message } from "../../protocol/api.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { fetch } from "../../protocol/messages/01-fetch.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import { describeGroups } from "../../protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../protocol/messages/16-list-groups.ts";
import { saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { createTopics } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import { deleteRecords } from "../../protocol/messages/21-delete-records.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "../../protocol/messages/23-offset-for-leader-epoch.ts";
import { addPartitionsToTxn } from "../../protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../protocol/messages/28-txn-offset-commit.ts";
import { describeAcls } from "../../protocol/messages/29-describe-acls.ts";
import { createAcls } from "../../protocol/messages/30-create-acls.ts";
import { deleteAcls } from "../../protocol/messages/31-delete-acls.ts";
import { describeConfigs } from "../../protocol/messages/32-describe-configs.ts";
import { saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import { createPartitions } from "../../protocol/messages/37-create-partitions.ts";
import { deleteGroups } from "../../protocol/messages/42-delete-groups.ts";
import { incrementalAlterConfigs } from "../../protocol/messages/44-incremental-alter-configs.ts";
import { offsetDelete } from "../../protocol/messages/47-offset-delete.ts";
import { updateFeatures } from "../../protocol/messages/57-update-features.ts";
import { describeCluster } from "../../protocol/messages/60-describe-cluster.ts";
import { describeProducers } from "../../protocol/messages/61-describe-producers.ts";
import { describeTransactions } from "../../protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../../protocol/messages/66-list-transactions.ts";
import { consumerGroupHeartbeat } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../../protocol/messages/69-consumer-group-describe.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/messages/consumer-protocol.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests of all messages do not know the type of any one
export type AnyMessage = Message<any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyApi = Api<any, any>;

/** A message in one direction, with what its versions are. */
export interface MessageEntry {
  readonly name: string;
  /** -1: not an API. */
  readonly key: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly flexibleSince: number;
  readonly message: AnyMessage;
}

/** Every API that protocol/messages declares: a new one is added here, and then all tests of messages hold for it. */
export const apis: readonly AnyApi[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  apiVersions,
  createTopics,
  deleteTopics,
  initProducerId,
  describeGroups,
  listGroups,
  saslHandshake,
  deleteRecords,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  updateFeatures,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
];

const outsideOfApis = { key: -1, minVersion: 0, maxVersion: 3, flexibleSince: Number.POSITIVE_INFINITY };

/** Both directions of every API, and the messages that are carried inside of others. */
export const messages: readonly MessageEntry[] = [
  ...apis.flatMap(({ key, name, minVersion, maxVersion, flexibleSince, request, response }) => [
    { name: `${name} request`, key, minVersion, maxVersion, flexibleSince, message: request },
    { name: `${name} response`, key, minVersion, maxVersion, flexibleSince, message: response },
  ]),
  { name: "ConsumerProtocolSubscription", ...outsideOfApis, message: consumerProtocolSubscription },
  { name: "ConsumerProtocolAssignment", ...outsideOfApis, message: consumerProtocolAssignment },
];
