#!/usr/bin/env node
import process from "node:process";
import { processIo } from "./process-io.ts";
import { run } from "./run.ts";

const code = await run(process.argv.slice(2), processIo());
// What is written to a pipe may still be on its way.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
// A module that was loaded may hold the process open for ever, with a timer or a database connection.
process.exit(code);
