/** One peer and one scenario, in a process of its own: jobs/NAME or kafka/NAME, then what it is to do as JSON. */
import process from "node:process";
import { namedBrokers } from "../named-brokers.ts";
import { type JobScenario, type JobSizes, runJobScenario } from "./job-scenarios.ts";
import type { OpenJobSystem } from "./job-system.ts";
import type { OpenKafkaPeer } from "./kafka-client.ts";
import { type KafkaScenario, type KafkaSizes, runKafkaScenario } from "./kafka-scenarios.ts";
import { peerNamed } from "./peers.ts";

export type PeerTask =
  | ({ readonly scenario: JobScenario; readonly queue: string } & JobSizes)
  | ({ readonly scenario: KafkaScenario } & KafkaSizes);

const [name = "", text = "{}"] = process.argv.slice(2);
const task = JSON.parse(text) as PeerTask;
const peer = peerNamed(name);

if ("queue" in task) {
  const system = await ((await peer.load()).open as OpenJobSystem)(task.queue);
  console.log(JSON.stringify(await runJobScenario[task.scenario](system, task)));
} else {
  const client = await ((await peer.load()).open as OpenKafkaPeer)(namedBrokers());
  console.log(JSON.stringify(await runKafkaScenario[task.scenario](client, task)));
}
// Not all of them let go of their process by themselves; what is left to say to servers has been said.
setTimeout(() => process.exit(0), 100);
