import { type Api, api } from "../api.ts";
import { array, int16, int32, string, struct, uuid } from "../field.ts";

/** Deletes topics, and all that is in them. Each has its own result. */
export interface DeleteTopicsRequest {
  /** From version 6 on. */
  readonly topics: readonly DeleteTopicState[];
  /** Up to version 5. */
  readonly topicNames: readonly string[];
  /** How long the broker may take, in ms. */
  readonly timeoutMs: number;
}

/** A topic by its name or, where that is null, by its id. */
export interface DeleteTopicState {
  readonly name: string | null;
  readonly topicId: string;
}

export interface DeleteTopicsResponse {
  readonly throttleTimeMs: number;
  readonly responses: readonly DeletableTopicResult[];
}

export interface DeletableTopicResult {
  /** Null for an id that no topic has, or none that the sender may know of. */
  readonly name: string | null;
  readonly topicId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const deleteTopics: Api<DeleteTopicsRequest, DeleteTopicsResponse> = api({
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexibleSince: 4,
  request: struct<DeleteTopicsRequest>({
    topics: array(
      struct<DeleteTopicState>({
        name: string.nullable().default(null),
        topicId: uuid,
      }),
    ).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  }),
  response: struct<DeleteTopicsResponse>({
    throttleTimeMs: int32.ignorable(),
    responses: array(
      struct<DeletableTopicResult>({
        name: string.nullable(6),
        topicId: uuid.since(6).ignorable(),
        errorCode: int16,
        errorMessage: string.since(5).nullable(5).default(null).ignorable(),
      }),
    ),
  }),
});
