import process from "node:process";
import { lockFolder } from "../../src/broker/folder-lock.ts";

/** Locks the folder that it is given, says so, and then does nothing until it is killed. */
lockFolder(process.argv[2]!, "holder");
process.stdout.write("locked\n");
setInterval(() => undefined, 1000);
