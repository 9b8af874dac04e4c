import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../net/clock.ts";
import { ClassicGroup, type ClassicGroupSettings } from "./classic-group.ts";
import { GroupOffsets } from "./offsets.ts";

export interface GroupSettings extends ClassicGroupSettings {
  /** The longest metadata of a committed offset, in UTF-16 units as Kafka counts. */
  readonly offsetMetadataMaxBytes: number;
}

export interface Group {
  readonly groupId: string;
  readonly classic: ClassicGroup;
  readonly offsets: GroupOffsets;
}

/** A node that can coordinate. */
interface Coordinating {
  readonly nodeId: number;
}

/** All groups of the cluster, and which node coordinates which. */
export interface Groups {
  readonly settings: GroupSettings;
  readonly all: readonly Group[];
  find(groupId: string): Group | undefined;
  /** The group, made where there was none. */
  obtain(groupId: string): Group;
  /** The id of the node that coordinates the group, or -1 where none is up. */
  coordinatorOf(groupId: string): number;
  /** Gives the group to another node: who waits for an answer is sent there. */
  moveCoordinator(groupId: string, nodeId: number): void;
  /** A node came up or went down. */
  nodesChanged(): void;
  forgetTopic(topic: string): void;
  /** Stops all timers. */
  close(): void;
}

export function createGroups(clock: Clock, settings: GroupSettings, liveNodes: () => readonly Coordinating[]): Groups {
  const groups = new Map<string, Group>();
  const chosen = new Map<string, number>();
  const holders = new Map<string, number>();

  const coordinatorOf = (groupId: string): number => {
    const live = liveNodes();
    if (live.length === 0) return -1;
    const wanted = chosen.get(groupId);
    if (live.some((node) => node.nodeId === wanted)) return wanted!;
    return live[hash(groupId) % live.length]!.nodeId;
  };
  const settle = (group: Group): void => {
    const nodeId = coordinatorOf(group.groupId);
    if (holders.get(group.groupId) === nodeId) return;
    holders.set(group.groupId, nodeId);
    group.classic.unload(ErrorCode.NOT_COORDINATOR);
    if (nodeId !== -1) group.classic.load();
  };
  const obtain = (groupId: string): Group => {
    let group = groups.get(groupId);
    if (group === undefined) {
      group = { groupId, classic: new ClassicGroup(clock, settings), offsets: new GroupOffsets() };
      groups.set(groupId, group);
      holders.set(groupId, coordinatorOf(groupId));
    }
    return group;
  };

  return {
    settings,
    get all() {
      return [...groups.values()];
    },
    find: (groupId) => groups.get(groupId),
    obtain,
    coordinatorOf,
    moveCoordinator(groupId, nodeId) {
      chosen.set(groupId, nodeId);
      settle(obtain(groupId));
    },
    nodesChanged() {
      for (const group of groups.values()) settle(group);
    },
    forgetTopic(topic) {
      for (const group of groups.values()) group.offsets.forgetTopic(topic);
    },
    close() {
      for (const group of groups.values()) group.classic.unload(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    },
  };
}

/** Spreads groups over the nodes: the same one for the same id, whatever the machine. */
function hash(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum & 0x7fff_ffff;
}
