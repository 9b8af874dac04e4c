import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { updateFeatures as updateFeaturesApi } from "../../protocol/messages/57-update-features.ts";
import { describeCluster as describeClusterApi } from "../../protocol/messages/60-describe-cluster.ts";
import { VERSION } from "../net/version.ts";
import type { AdminCalls } from "./admin-calls.ts";
import { outcomeError, refuseFailed } from "./admin-outcomes.ts";
import { ProtocolError } from "./errors.ts";

/** Who is in the cluster. */
export interface ClusterDescription {
  readonly clusterId: string;
  /** Node id; -1: not known. */
  readonly controllerId: number;
  readonly brokers: readonly BrokerDescription[];
}

export interface BrokerDescription {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** The versions of one feature (KIP-584). */
export interface FeatureDescription {
  readonly name: string;
  /** The version that the whole cluster has switched on; 0: none. */
  readonly finalized: number;
  /** What the asked broker could have. */
  readonly supported: { readonly min: number; readonly max: number };
}

/** A version of a feature to switch on. */
export interface FeatureUpdate {
  readonly name: string;
  /** 0 takes the feature away. */
  readonly version: number;
  /** Whether the version may be lower than the present one: "safe" where nothing is lost by it. Default "never". */
  readonly downgrade?: "never" | "safe" | "unsafe" | undefined;
}

const UPGRADE_TYPES = { never: 1, safe: 2, unsafe: 3 } as const;

export function describeCluster(calls: AdminCalls): Promise<ClusterDescription> {
  return calls.any(async (connection) => {
    const response = await connection.send(describeClusterApi, {});
    if (response.errorCode !== 0) throw outcomeError(response, "describe the cluster", { broker: connection.broker });
    return {
      clusterId: response.clusterId,
      controllerId: response.controllerId,
      brokers: response.brokers.map(({ brokerId: nodeId, host, port, rack }) => ({ nodeId, host, port, rack })),
    };
  });
}

export function describeFeatures(calls: AdminCalls): Promise<FeatureDescription[]> {
  return calls.any(async (connection) => {
    const hello = { clientSoftwareName: "ottla", clientSoftwareVersion: VERSION };
    const response = await connection.send(apiVersions, hello);
    if (response.errorCode !== 0)
      throw new ProtocolError(response.errorCode, "features", { broker: connection.broker });
    const finalized = new Map(response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
    return response.supportedFeatures
      .map(({ name, minVersion: min, maxVersion: max }) => {
        return { name, finalized: finalized.get(name) ?? 0, supported: { min, max } };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/** Switches versions of features on for the whole cluster. All or none of them change. */
export async function updateFeatures(
  calls: AdminCalls,
  updates: readonly FeatureUpdate[],
  validateOnly: boolean,
): Promise<void> {
  const { requestTimeout } = calls.cluster.options;
  await calls.controller(async (connection) => {
    const canValidate = connection.versionOf(updateFeaturesApi) >= 1;
    const response = await connection.send(updateFeaturesApi, {
      timeoutMs: requestTimeout,
      featureUpdates: updates.map(({ name, version, downgrade = "never" }) => ({
        feature: name,
        maxVersionLevel: version,
        ...(canValidate ? { upgradeType: UPGRADE_TYPES[downgrade] } : { allowDowngrade: downgrade !== "never" }),
      })),
      ...(canValidate || validateOnly ? { validateOnly } : {}),
    });
    const { broker } = connection;
    if (response.errorCode !== 0) throw outcomeError(response, "update features", { broker });
    refuseFailed(response.results, ({ feature }) => ({ what: `update feature ${feature}` }), broker);
  });
}
