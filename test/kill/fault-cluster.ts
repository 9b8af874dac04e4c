import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Milliseconds: a broker of a busy machine takes its time to start. */
const TIMEOUT = 300_000;
const MOST_STARTS = 3;

/** A real cluster whose brokers, numbered from 1, can be killed, paused and started again. */
export interface FaultCluster {
  readonly brokers: readonly string[];
  kill(broker: number): Promise<void>;
  /** Ends a broker in good order: it hands over what it leads first. */
  stop(broker: number): Promise<void>;
  /** Starts a killed broker again, with its data, and waits until it answers. */
  start(broker: number): Promise<void>;
  /** Stops a broker's process where it is: its sockets stay open, and say nothing. */
  pause(broker: number): Promise<void>;
  resume(broker: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * A cluster of `count` brokers in a folder of its own, by a script that knows start, stop, kill, stop-one,
 * start-one, pause and resume, with --dir and --port. KAFKA_VERSION chooses what is started, KAFKA_CLUSTER_PORT where.
 */
export async function startFaultCluster(script: string, count: number, folder: string): Promise<FaultCluster> {
  const port = Number(process.env.KAFKA_CLUSTER_PORT ?? 39092);
  // Not by a pipe: brokers may have it open for as long as they live.
  const complaints = `${folder}.log`;
  const call = async (command: string, ...more: string[]): Promise<void> => {
    const args = ["-c", '"$0" "$@" > /dev/null 2> "$COMPLAINTS"', script, command, ...more, "--dir", folder];
    try {
      await run("bash", args, { timeout: TIMEOUT, env: { ...process.env, COMPLAINTS: complaints } });
    } catch (error) {
      const said = readFileSync(complaints, "utf8").slice(-2_000);
      throw new Error(`${command} ${more.join(" ")}: the cluster's script has failed: ${said}`, { cause: error });
    }
  };
  const version = process.env.KAFKA_VERSION;
  const chosen = version === undefined ? [] : ["--version", version];
  for (let failures = 1; ; failures++) {
    try {
      await call("start", "--port", String(port), "--brokers", String(count), ...chosen);
      break;
    } catch (error) {
      // A port may have been some connection's just then, and its id one that Kafka's tools do not take.
      await call("stop").catch(() => {});
      rmSync(folder, { recursive: true, force: true });
      if (failures === MOST_STARTS) throw error;
    }
  }
  return {
    brokers: Array.from({ length: count }, (_, i) => `127.0.0.1:${port + 10 * i}`),
    kill: (broker) => call("kill", String(broker)),
    stop: (broker) => call("stop-one", String(broker)),
    start: (broker) => call("start-one", String(broker)),
    pause: (broker) => call("pause", String(broker)),
    resume: (broker) => call("resume", String(broker)),
    close: async () => {
      await call("stop");
      rmSync(folder, { recursive: true, force: true });
      rmSync(complaints, { force: true });
    },
  };
}
