import type { Admin } from "../client/admin.ts";
import { KafkaError } from "../client/errors.ts";

/** A topic's `cleanup.policy`; undefined where nobody may ask. */
export async function cleanupPolicy(admin: Admin, topic: string): Promise<string | undefined> {
  try {
    const [found] = await admin.describeConfigs([{ type: "topic", name: topic }]);
    return found?.entries.get("cleanup.policy")?.value ?? undefined;
  } catch (error) {
    if (error instanceof KafkaError && error.code.endsWith("AUTHORIZATION_FAILED")) return undefined;
    throw error;
  }
}
