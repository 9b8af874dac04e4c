import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type FeatureUpdate,
  type UpdateFeaturesRequest,
  type UpdateFeaturesResponse,
  updateFeatures,
} from "../../../protocol/messages/57-update-features.ts";
import { type FeatureName, type Features, featureComplaint } from "../features.ts";
import type { Handler } from "../handler.ts";

/** The first version that says how a feature may change; before, Kafka takes all for upgrades. */
const TYPES_SINCE = 1;
/** The last version whose answer has the features one by one. */
const RESULTS_UNTIL = 1;

const UPGRADE = 1;
const SAFE_DOWNGRADE = 2;
const UNSAFE_DOWNGRADE = 3;

export const updateFeaturesHandler: Handler<UpdateFeaturesRequest, UpdateFeaturesResponse> = {
  api: updateFeatures,
  handle({ cluster, version }, { featureUpdates, validateOnly }) {
    const { features } = cluster;
    for (const update of featureUpdates) {
      const type = version >= TYPES_SINCE ? update.upgradeType : UPGRADE;
      const complaint = updateComplaint(features, update, type);
      if (complaint !== undefined) return refused(ErrorCode.INVALID_UPDATE_VERSION, complaint);
    }
    if (!validateOnly) {
      for (const { feature, maxVersionLevel } of featureUpdates) {
        features.finalize(feature as FeatureName, maxVersionLevel);
      }
    }
    const results = featureUpdates.map(({ feature }) => ({ feature }));
    return version <= RESULTS_UNTIL ? { results } : {};
  },
  fail: (_request, errorCode) => refused(errorCode, null),
};

/** Why a feature cannot change so: a sentence, or undefined. */
function updateComplaint(features: Features, update: FeatureUpdate, type: number): string | undefined {
  const { feature, maxVersionLevel } = update;
  const complaint = featureComplaint(feature, maxVersionLevel);
  if (complaint !== undefined) return complaint;
  const level = features.level(feature as FeatureName);
  const change = `${feature} cannot go from ${level} to ${maxVersionLevel}`;
  if (type < UPGRADE || type > UNSAFE_DOWNGRADE) return `${change}: there is no upgrade type ${type}`;
  if (maxVersionLevel < level && type < SAFE_DOWNGRADE) return `${change}: the update says that it is no downgrade`;
  if (maxVersionLevel > level && type > UPGRADE) return `${change}: the update says that it is a downgrade`;
  return undefined;
}

/** All features change or none does. */
function refused(errorCode: number, errorMessage: string | null): Draft<UpdateFeaturesResponse> {
  return { errorCode, errorMessage };
}
