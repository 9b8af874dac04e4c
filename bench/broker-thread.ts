import { parentPort } from "node:worker_threads";
import { startBroker } from "ottla/broker";

const broker = await startBroker({ port: 0 });
parentPort?.postMessage(broker.address);
