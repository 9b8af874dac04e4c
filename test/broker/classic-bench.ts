import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest, JoinGroupResponse } from "../../protocol/messages/11-join-group.ts";
import type { SyncGroupResponse } from "../../protocol/messages/14-sync-group.ts";
import { ClassicGroup, type ClassicGroupSettings } from "../../src/broker/classic-group.ts";
import { groupDefaults } from "../../src/broker/groups.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

export const SESSION: number = 10_000;
export const REBALANCE: number = 60_000;
/** Text as the bytes of metadata and assignments. */
export const text: { encode(text: string): Uint8Array } = new TextEncoder();

export type Joined = Partial<JoinGroupResponse>;
export type Synced = Partial<SyncGroupResponse>;

export interface Setup {
  readonly time: VirtualClock;
  readonly group: ClassicGroup;
  /** Joins as a new client does: asks for an id, then joins with it. Not awaited: it waits for the others. */
  join(overrides?: Partial<JoinGroupRequest>, version?: number): Promise<Joined>;
  /** The leader gives every member the assignment "for <id>". */
  sync(joined: Joined, overrides?: { groupInstanceId?: string }): Promise<Synced>;
  /** By OffsetCommit. */
  commitError(memberId: string, generationId: number, groupInstanceId?: string): number;
  settle(): Promise<void>;
}

export function setUp(settings: Partial<ClassicGroupSettings> = {}): Setup {
  const time = new VirtualClock();
  const group = new ClassicGroup(time.instance(), {
    ...groupDefaults,
    ...settings,
  });
  const request = (overrides: Partial<JoinGroupRequest>): JoinGroupRequest => ({
    groupId: "g",
    sessionTimeoutMs: SESSION,
    rebalanceTimeoutMs: REBALANCE,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: text.encode("m") }],
    reason: null,
    ...overrides,
  });
  return {
    time,
    group,
    async join(overrides = {}, version = 9) {
      const first = (await group.join(request(overrides), version, "client")) as Joined;
      if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first;
      return (await group.join(request({ ...overrides, memberId: first.memberId! }), version, "client")) as Joined;
    },
    async sync(joined, { groupInstanceId } = {}) {
      const members = joined.members ?? [];
      const assignments = members.map(({ memberId }) => ({ memberId, assignment: text.encode(`for ${memberId}`) }));
      const { memberId = "", generationId = -1 } = joined;
      const identity = { groupId: "g", memberId, generationId, groupInstanceId: groupInstanceId ?? null };
      return (await group.sync({ ...identity, protocolType: null, protocolName: null, assignments })) as Synced;
    },
    commitError(memberId, epoch, groupInstanceId) {
      const identity = { memberId, groupInstanceId: groupInstanceId ?? null, epoch };
      return group.commitError({ ...identity, isTransactional: false, version: 8 });
    },
    settle: () => time.advance(0),
  };
}

/** Two members in a stable group: the first leads. */
export async function twoMembers(setup: Setup): Promise<[Joined, Joined]> {
  const first = await setup.join();
  const second = setup.join();
  await setup.settle();
  const [leader, follower] = await Promise.all([setup.join({ memberId: first.memberId! }), second]);
  await Promise.all([setup.sync(leader), setup.sync(follower)]);
  assert.equal(setup.group.state, "Stable");
  return [leader, follower];
}

export const assignmentOf = (answer: Synced): string => new TextDecoder().decode(answer.assignment);
