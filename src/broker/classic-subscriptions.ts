import { decodeSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { DecodeError } from "../../protocol/reader.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { metadataFor } from "./classic-member.ts";

/** The protocol type of consumers, whose metadata is a subscription. */
export const CONSUMER_PROTOCOL = "consumer";

/** Whether a member of a classic group wants the topic; one whose metadata cannot be read might want any. */
export function wantsTopic(group: ClassicGroup, topic: string): boolean {
  if (group.isEmpty || group.protocolType !== CONSUMER_PROTOCOL) return false;
  // Before its first generation nobody has looked at the subscriptions.
  if (group.protocolName === null) return true;
  return group.members.some((member) => {
    try {
      return decodeSubscription(metadataFor(member, group.protocolName)).topics.includes(topic);
    } catch (error) {
      if (error instanceof DecodeError) return true;
      throw error;
    }
  });
}
