import assert from "node:assert/strict";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import type { Connection } from "../../src/net/connection.ts";
import { KafkaError } from "../../src/net/errors.ts";
import { ALL_VERSIONS, type Script, withVersions } from "./scripted-broker.ts";

export const ok: Script = withVersions(ALL_VERSIONS, (request) => request.answer(heartbeat, { errorCode: 0 }));
/** Answers nothing but ApiVersions. */
export const mute: Script = withVersions(ALL_VERSIONS, () => {});

export function beat(connection: Connection, timeout?: number): Promise<{ errorCode: number }> {
  return connection.send(heartbeat, { groupId: "g", generationId: 1, memberId: "m" }, { timeout });
}

/** What the work fails with. */
export async function failure(work: Promise<unknown>): Promise<KafkaError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof KafkaError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}
