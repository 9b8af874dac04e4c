import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { checkPort } from "./check-port.ts";

test("a run refuses a port on which another one's brokers listen, and takes it once they are gone", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(0, resolve));
  const { port } = other.address() as AddressInfo;
  await assert.rejects(checkPort(port), {
    name: "RangeError",
    message: new RegExp(`^--port ${port}: something listens`),
  });
  await new Promise<void>((resolve) => void other.close(() => resolve()));
  await checkPort(port);
});
