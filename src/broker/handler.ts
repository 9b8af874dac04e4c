import type { Api } from "../../protocol/api.ts";
import type { Draft } from "../../protocol/field.ts";
import type { Authentication } from "./authentication.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { FeatureName } from "./features.ts";
import type { FetchSessionCache } from "./fetch-session-cache.ts";

/** What a handler knows beside the request's body. */
export interface RequestContext {
  readonly cluster: ClusterState;
  /** The node that was asked. */
  readonly nodeId: number;
  readonly fetchSessions: FetchSessionCache;
  readonly version: number;
  readonly clientId: string | null;
  /** For how long the answer tells the client to wait (KIP-219), in ms; 0: not at all. The answer gets it by itself. */
  readonly throttleMs: number;
  /** Undefined where clients need not say who they are. */
  readonly authentication: Authentication | undefined;
  /** Calls `run` when the connection closes, until the returned function is called. */
  onClose(run: () => void): () => void;
  /** Closes the connection instead of an answer: where the protocol has no other way to say no. */
  refuse(reason: string): void;
}

/** Undefined: the request has no answer. */
export type Answer<Response> = Draft<Response> | undefined | Promise<Draft<Response> | undefined>;

/** What the broker does for one API. */
export interface Handler<Request, Response> {
  readonly api: Api<Request, Response>;
  /** The lowest version that ApiVersions claims, where that is below the lowest that is served. */
  readonly claimedMinVersion?: number | undefined;
  /** The feature that has to be on: else the API is not offered, and refused with UNSUPPORTED_VERSION. */
  readonly needs?: FeatureName | undefined;
  handle(context: RequestContext, request: Request): Answer<Response>;
  /** The answer that has `errorCode` wherever this API has its errors; undefined where the request has no answer. */
  fail(request: Request, errorCode: number, version: number): Draft<Response> | undefined;
  /** About how many bytes the answer takes, so that its frame is built in one buffer. */
  sizeOf?(response: Draft<Response>): number;
}
