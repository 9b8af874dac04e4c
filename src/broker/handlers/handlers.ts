import type { Handler } from "../handler.ts";
import { produceHandler } from "./00-produce.ts";
import { fetchHandler } from "./01-fetch.ts";
import { listOffsetsHandler } from "./02-list-offsets.ts";
import { metadataHandler } from "./03-metadata.ts";
import { findCoordinatorHandler } from "./10-find-coordinator.ts";
import { apiVersionsHandler } from "./18-api-versions.ts";
import { createTopicsHandler } from "./19-create-topics.ts";
import { deleteTopicsHandler } from "./20-delete-topics.ts";
import { initProducerIdHandler } from "./22-init-producer-id.ts";

/** A handler whose body types only it knows: what it decodes is what it handles. */
export type AnyHandler = Handler<unknown, unknown>;

const served = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  findCoordinatorHandler,
  createTopicsHandler,
  deleteTopicsHandler,
  initProducerIdHandler,
] as readonly unknown[] as AnyHandler[];
served.push(apiVersionsHandler(() => served) as AnyHandler);

/** What the broker serves, by API key. */
export const handlers: ReadonlyMap<number, AnyHandler> = new Map(served.map((handler) => [handler.api.key, handler]));
