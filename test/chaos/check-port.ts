import { once } from "node:events";
import { createServer } from "node:net";

/** Rejects where something listens on the port: two runs there would stop each other's brokers. */
export async function checkPort(port: number): Promise<void> {
  const server = createServer().listen(port);
  try {
    await once(server, "listening");
  } catch (cause) {
    const message = `--port ${port}: something listens there, as another run of chaos does; end it, or name another port`;
    throw new RangeError(message, { cause });
  }
  server.close();
  await once(server, "close");
}
