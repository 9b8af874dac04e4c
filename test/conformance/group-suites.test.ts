import { conform } from "./conform.ts";
import { consumerGroupConformance } from "./consumer-group.ts";
import { groupConformance } from "./group.ts";
import { groupChangesConformance } from "./group-changes.ts";
import { patternConformance } from "./patterns.ts";

await conform([groupConformance, consumerGroupConformance, groupChangesConformance, patternConformance]);
