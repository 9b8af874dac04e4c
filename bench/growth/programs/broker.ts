import { startBroker } from "ottla/broker";
import type { Channel } from "./channel.ts";

export async function run(_params: object, { say, onCommand }: Channel): Promise<void> {
  const broker = await startBroker({ port: 0 });
  onCommand(() => {});
  say({ address: broker.address });
}
