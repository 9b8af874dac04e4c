import { createServer } from "node:net";

/** Rejects where something listens on the port: two runs there would stop each other's brokers. */
export async function checkPort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const message = `--port ${port}: something listens there, as another run of chaos does; end it, or name another port`;
      reject(new RangeError(message, { cause: error }));
    });
    server.listen(port, resolve);
  });
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
