import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The cluster that KAFKA_BROKERS names, as one text; undefined without one. */
export const brokers: string | undefined = process.env.KAFKA_BROKERS || undefined;

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).error === undefined;
}

/** Why tests with a tool are skipped; false: they are not. */
type Skip = string | false;

export const withoutCluster: Skip = brokers === undefined ? "KAFKA_BROKERS names no cluster" : false;
const classpath = process.env.KAFKA_CLASSPATH;

export const withoutJava: Skip =
  withoutCluster ||
  (classpath === undefined ? "KAFKA_CLASSPATH names no jars of Apache's client" : false) ||
  (runs("java", ["-version"]) ? false : "there is no java");

export const withoutKcat: Skip = withoutCluster || (runs("kcat", ["-V"]) ? false : "there is no kcat");

/** Runs a program with `input`, and gives what it prints. Rejects with what it complains of where it fails. */
function run(command: string, args: readonly string[], input = "", cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...(cwd === undefined ? {} : { cwd }) });
    const printed: Uint8Array[] = [];
    const complaints: Uint8Array[] = [];
    child.stdout.on("data", (chunk: Uint8Array) => printed.push(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => complaints.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(printed).toString());
      else reject(new Error(`${command} ${args[0]} ended with ${code}: ${Buffer.concat(complaints).toString()}`));
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

/** Runs a part of java/Interop.java: lines in, lines out. */
export async function java(args: readonly string[], lines: readonly string[] = []): Promise<string[]> {
  const source = new URL("java/Interop.java", import.meta.url).pathname;
  const [part, ...rest] = args;
  const printed = await run(
    "java",
    ["-cp", classpath!, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", source, part!, brokers!, ...rest],
    lines.map((line) => `${line}\n`).join(""),
  );
  return printed.split("\n").filter((line) => line !== "");
}

export function kcat(args: readonly string[], input = ""): Promise<string> {
  return run("kcat", ["-b", brokers!, ...args], input);
}

/** A registry that hangs (ms) is no fault of what is tested here. */
const INSTALL_TIMEOUT = 120_000;

/** A client that nobody here wrote: lines in, lines out. */
export interface Peer {
  readonly name: string;
  readonly codecs: readonly string[];
  /** Those of its codecs that it cannot read as Java's client writes them. */
  readonly unreadable?: readonly string[];
  /** Whether it can have headers without a value, and the same header twice. */
  readonly hasAllHeaders: boolean;
  write(topic: string, codec: string, lines: readonly string[]): Promise<void>;
  read(topic: string, count: number): Promise<string[]>;
}

const here = (path: string): string => new URL(path, import.meta.url).pathname;
const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
const split = (printed: string): string[] => printed.split("\n").filter((line) => line !== "");

export const javaPeer: Peer = {
  name: "Java",
  codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
  hasAllHeaders: true,
  write: async (topic, codec, lines) => void (await java(["write", topic, codec], lines)),
  read: (topic, count) => java(["read", topic, String(count)]),
};

/** What was installed for a test, into a directory that goes with it; or why it was not. */
export type Installed<T> = { readonly tool: T; readonly remove: () => void } | string;

function install<T>(
  name: string,
  command: string,
  args: (directory: string) => readonly string[],
  tool: (directory: string) => T,
): Installed<T> {
  if (withoutCluster) return withoutCluster;
  const directory = mkdtempSync(join(tmpdir(), "ottla-interop-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const done = spawnSync(command, args(directory), { timeout: INSTALL_TIMEOUT, cwd: here("go") });
  if (done.status === 0) return { tool: tool(directory), remove };
  remove();
  return `${command} could not install ${name}`;
}

/** franz-go's fake cluster: its addresses, and what stops it. */
export interface FakeCluster {
  readonly brokers: readonly string[];
  stop(): Promise<void>;
}

function startFakeCluster(program: string): Promise<FakeCluster> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["broker"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<void>((done) => child.once("close", () => done()));
    child.once("error", reject);
    child.stdout.once("data", (line: Uint8Array) => {
      const stop = (): Promise<void> => {
        child.kill("SIGINT");
        return ended;
      };
      resolve({ brokers: Buffer.from(line).toString().trim().split(","), stop });
    });
  });
}

export interface Franz extends Peer {
  transactions(topic: string, rounds: number): Promise<void>;
  group(topic: string, group: string, count: number): Promise<string[]>;
  startFakeCluster(): Promise<FakeCluster>;
}

/** franz-go with our lines around it: `franz(part, ...)`. */
export function installFranz(): Installed<Franz> {
  return install(
    "franz-go",
    "go",
    (directory) => ["build", "-o", join(directory, "interop"), "."],
    (directory) => {
      const franz = (part: string, args: readonly string[], input = ""): Promise<string> =>
        run(join(directory, "interop"), [part, brokers!, ...args], input);
      return {
        name: "franz-go",
        codecs: javaPeer.codecs,
        hasAllHeaders: true,
        write: async (topic, codec, lines) => void (await franz("write", [topic, codec], joined(lines))),
        read: async (topic, count) => split(await franz("read", [topic, String(count)])),
        group: async (topic, group, count) => split(await franz("group", [topic, group, String(count)])),
        startFakeCluster: () => startFakeCluster(join(directory, "interop")),
        transactions: async (topic, rounds) => void (await franz("transactions", [topic, String(rounds)])),
      };
    },
  );
}

/**
 * Other JavaScript clients. KafkaJS's LZ4 needs a compiler on the machine, and is left out; platformatic's Snappy does not
 * know the framing around the blocks that Java's client, and so ours, writes.
 */
const JS_PEERS = [
  {
    name: "kafkajs",
    packages: ["kafkajs@2", "kafkajs-snappy@1"],
    codecs: ["none", "gzip", "snappy", "zstd"],
    unreadable: [],
  },
  {
    name: "platformatic",
    packages: ["@platformatic/kafka@1"],
    codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
    unreadable: ["snappy"],
  },
] as const;

export type JsPeerName = (typeof JS_PEERS)[number]["name"];

export function installJsPeer(name: JsPeerName): Installed<Peer> {
  const { packages, codecs, unreadable } = JS_PEERS.find((peer) => peer.name === name)!;
  return install(
    name,
    "npm",
    (directory) => ["install", "--no-audit", "--no-fund", "--prefix", directory, ...packages],
    (directory) => {
      const peer = (part: string, args: readonly string[], input = ""): Promise<string> =>
        run("node", [here("js-peer.mjs"), name, part, brokers!, ...args], input, directory);
      return {
        name,
        codecs,
        unreadable,
        hasAllHeaders: false,
        write: async (topic, codec, lines) => void (await peer("write", [topic, codec], joined(lines))),
        read: async (topic, count) => split(await peer("read", [topic, String(count)])),
      };
    },
  );
}
