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
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { createTopics } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
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
