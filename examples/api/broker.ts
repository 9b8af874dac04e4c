import { startBroker } from "ottla/broker";

const broker = await startBroker({ port: 0 });
console.log(broker.address);
await broker.close();
