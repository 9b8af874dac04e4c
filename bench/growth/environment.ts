import { execFileSync } from "node:child_process";
import { arch, cpus, platform } from "node:os";
import process from "node:process";
import type { Kafka } from "ottla/kafka";
import { ROOT } from "./runtime-command.ts";

/** What figures depend on beside the project. */
export interface Environment {
  readonly runtime: string;
  readonly broker: string;
  readonly machine: string;
  /** The day. */
  readonly date: string;
  readonly commit: string;
}

export async function readEnvironment(kafka: Kafka, runtime: string, broker: string | undefined): Promise<Environment> {
  return {
    runtime,
    broker: `${broker ?? (await describeBroker(kafka))}${await describeHeartbeats(kafka)}`,
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${platform()} ${arch()}`,
    date: new Date().toISOString().slice(0, 10),
    commit: describeCommit(),
  };
}

/** Brokers do not tell their version, but how new their metadata may be. */
async function describeBroker(kafka: Kafka): Promise<string> {
  const admin = kafka.admin();
  const [{ brokers, clusterId }, features] = await Promise.all([admin.describeCluster(), admin.describeFeatures()]);
  if (clusterId?.startsWith("ottla-in-process")) return "the in-process broker in a process of its own";
  const level = features.find(({ name }) => name === "metadata.version")?.finalized;
  const many = `${brokers.length} ${brokers.length === 1 ? "broker" : "brokers"}`;
  return level === undefined ? many : `${many} at metadata.version ${level}`;
}

/** How soon members of KIP-848 groups hear that something has to move is the broker's to say. */
async function describeHeartbeats(kafka: Kafka): Promise<string> {
  const name = "group.consumer.heartbeat.interval.ms";
  try {
    const admin = kafka.admin();
    const [first] = (await admin.describeCluster()).brokers;
    const [found] = await admin.describeConfigs([{ type: "broker", name: `${first!.nodeId}` }]);
    const value = found?.entries.get(name)?.value;
    return value === undefined || value === null ? "" : ` with \`${name}\` ${value}`;
  } catch {
    // Who may run jobs need not be allowed to read the brokers' settings.
    return "";
  }
}

function describeCommit(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = git("rev-parse", "--short=10", "HEAD");
    return git("status", "--porcelain", "--", "mod.ts", "protocol", "src") === "" ? commit : `${commit} with changes`;
  } catch {
    return process.env.npm_package_version === undefined ? "unknown" : `version ${process.env.npm_package_version}`;
  }
}
