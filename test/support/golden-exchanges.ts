import { readFileSync } from "node:fs";

/** A request that `sender` sent to a Kafka 4.3.0 broker, and the broker's answer: whole frames, sizes included. */
export interface GoldenExchange {
  readonly sender: string;
  readonly api: string;
  readonly version: number;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

const file = new URL("../fixtures/golden/wire.json", import.meta.url);
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

export const goldenExchanges: readonly GoldenExchange[] = (
  JSON.parse(readFileSync(file, "utf8")) as {
    sender: string;
    api: string;
    version: number;
    request: string;
    response: string;
  }[]
).map(({ request, response, ...rest }) => ({ ...rest, request: fromHex(request), response: fromHex(response) }));
