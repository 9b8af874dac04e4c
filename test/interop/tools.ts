import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as zlib from "node:zlib";

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
function run(command: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
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
const INSTALL_TIMEOUT = 60_000;

/** As much of KafkaJS as is used here. */
export interface KafkaJs {
  readonly Kafka: new (options: {
    brokers: readonly string[];
    logLevel: number;
  }) => {
    producer(options: { createPartitioner: unknown; idempotent: boolean }): {
      connect(): Promise<void>;
      send(request: { topic: string; compression: number; messages: readonly KafkaJsMessage[] }): Promise<unknown>;
      disconnect(): Promise<void>;
    };
  };
  readonly CompressionTypes: Readonly<Record<"None" | "GZIP" | "Snappy" | "ZSTD", number>>;
  readonly CompressionCodecs: Record<number, unknown>;
  readonly Partitioners: { readonly DefaultPartitioner: unknown };
}

export interface KafkaJsMessage {
  readonly partition?: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * KafkaJS with its codecs, installed into a directory of its own; or why there is none. Its LZ4 needs a compiler on
 * the machine, and is left out.
 */
export function installKafkaJs(): { readonly kafkaJs: KafkaJs; readonly remove: () => void } | string {
  if (withoutCluster) return withoutCluster;
  const directory = mkdtempSync(join(tmpdir(), "kafkajs-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const packages = ["kafkajs@2", "kafkajs-snappy@1"];
  const npm = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--prefix", directory, ...packages], {
    timeout: INSTALL_TIMEOUT,
  });
  if (npm.status !== 0) {
    remove();
    return "npm could not install KafkaJS";
  }
  const load = createRequire(join(directory, "package.json"));
  const kafkaJs = load("kafkajs") as KafkaJs;
  const { CompressionTypes, CompressionCodecs } = kafkaJs;
  CompressionCodecs[CompressionTypes.Snappy] = load("kafkajs-snappy");
  CompressionCodecs[CompressionTypes.ZSTD] = codec((bytes) => zlib.zstdCompressSync(bytes));
  return { kafkaJs, remove };
}

/** A codec in the form that KafkaJS takes. */
function codec(compress: (bytes: Uint8Array) => Uint8Array): () => unknown {
  return () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(Buffer.from(compress(buffer))),
    decompress: () => Promise.reject(new Error("it only writes here")),
  });
}
