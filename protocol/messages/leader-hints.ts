import { array, type Field, int32, string, struct } from "../field.ts";

/** Who leads a partition now: sent beside an error, so that the client need not ask for metadata first (KIP-951). */
export interface LeaderIdAndEpoch {
  /** The leader's node id; -1: not known. */
  readonly leaderId: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
}

/** Where a node named in a {@link LeaderIdAndEpoch} listens. */
export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export const leaderIdAndEpoch: Field<LeaderIdAndEpoch> = struct<LeaderIdAndEpoch>({
  leaderId: int32.default(-1),
  leaderEpoch: int32.default(-1),
});

export const nodeEndpoints: Field<readonly NodeEndpoint[]> = array(
  struct<NodeEndpoint>({
    nodeId: int32,
    host: string,
    port: int32,
    rack: string.nullable().default(null),
  }),
);
