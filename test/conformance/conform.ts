import process from "node:process";
import { memoryTarget, probedTarget, type Target, tcpTarget } from "./target.ts";

/** Declares what every broker must do. */
export type Suite = (target: Target) => void;

/** Declares the suites for each target: the in-process broker, and the cluster that KAFKA_BROKERS names where it names one. */
export async function conform(suites: readonly Suite[]): Promise<void> {
  for (const target of await targets()) for (const suite of suites) suite(target);
}

async function targets(): Promise<Target[]> {
  const brokers = (process.env.KAFKA_BROKERS ?? "").split(",").filter((address) => address !== "");
  return [memoryTarget, tcpTarget, ...(brokers.length === 0 ? [] : [await probedTarget(brokers)])];
}
