import { adminConformance } from "./admin.ts";
import { adminGroupsConformance } from "./admin-groups.ts";
import { compactionConformance } from "./compaction.ts";
import { conform } from "./conform.ts";
import { consumeConformance } from "./consume.ts";
import { consumerControlConformance } from "./consumer-control.ts";
import { fetchSessionsConformance } from "./fetch-sessions.ts";
import { leaderEpochsConformance } from "./leader-epochs.ts";
import { offsetsConformance } from "./offsets.ts";
import { produceConformance } from "./produce.ts";
import { protocolConformance } from "./protocol.ts";
import { topicsConformance } from "./topics.ts";

await conform([
  topicsConformance,
  adminConformance,
  adminGroupsConformance,
  produceConformance,
  consumeConformance,
  consumerControlConformance,
  fetchSessionsConformance,
  compactionConformance,
  leaderEpochsConformance,
  offsetsConformance,
  protocolConformance,
]);
