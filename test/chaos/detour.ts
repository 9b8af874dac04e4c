import { createServer, connect as dial, type Server, type Socket } from "node:net";
import type { Address } from "../../src/net/transport.ts";

/** One connection that is led through: the client's side, and the broker's. */
interface Pair {
  readonly client: Socket;
  readonly broker: Socket;
  /** What was said to it is lost, and nothing will be said any more. */
  isMute: boolean;
}

/** A port of this machine that leads to a broker, and on which everything can go wrong that does between machines. */
export class Detour {
  readonly #target: Address;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #delay: () => number = () => 0;
  #isHeld = false;
  #isMute = false;
  #refuses = false;

  private constructor(target: Address) {
    this.#target = target;
    this.#server = createServer((client) => this.#lead(client));
  }

  static async open(target: Address): Promise<Detour> {
    const detour = new Detour(target);
    await new Promise<void>((resolve, reject) => {
      detour.#server.once("error", reject);
      detour.#server.listen(0, "127.0.0.1", resolve);
    });
    return detour;
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#pairs.size;
  }

  /** What passes is late by so many milliseconds, asked for each piece. Its order is kept. */
  delay(ms: () => number): void {
    this.#delay = ms;
  }

  /** Nothing passes, and nothing is lost, until it heals: as where packets are lost and sent again. */
  hold(): void {
    this.#isHeld = true;
    for (const { client, broker } of this.#pairs) {
      client.pause();
      broker.pause();
    }
  }

  /**
   * Open connections are half open from now on, for good: the broker's side is gone, and the client's is told nothing of
   * that. Those that come until it heals are taken, and get no answer.
   */
  mute(): void {
    this.#isMute = true;
    for (const pair of this.#pairs) silence(pair);
  }

  /** Ends all open connections; with `refuses`, those too that come until it heals. */
  cut(refuses = false): void {
    this.#refuses = refuses;
    for (const { client, broker } of this.#pairs) {
      // No reset: Node never ends where that meets a connection that is being closed.
      client.destroy();
      broker.destroy();
    }
  }

  /** What comes from now on passes as it should. */
  heal(): void {
    this.#delay = () => 0;
    this.#isMute = false;
    this.#refuses = false;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    for (const { client, broker } of this.#pairs) {
      client.resume();
      broker.resume();
    }
  }

  async close(): Promise<void> {
    this.cut(true);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #lead(client: Socket): void {
    client.on("error", () => {});
    if (this.#refuses) return void client.destroy();
    const broker = dial({ host: this.#target.host, port: this.#target.port });
    broker.on("error", () => {});
    for (const socket of [client, broker]) socket.setNoDelay(true);
    const pair: Pair = { client, broker, isMute: false };
    this.#pairs.add(pair);
    this.#pipe(pair, client, broker);
    this.#pipe(pair, broker, client);
    client.once("close", () => {
      this.#pairs.delete(pair);
      broker.destroy();
    });
    broker.once("close", () => {
      if (!pair.isMute) client.destroy();
    });
    if (this.#isMute) silence(pair);
    if (this.#isHeld) {
      client.pause();
      broker.pause();
    }
  }

  #pipe(pair: Pair, from: Socket, to: Socket): void {
    const line = new Line();
    const after = (leave: () => void): void => line.add(this.#delay(), leave);
    from.on("data", (data: Uint8Array) => {
      if (pair.isMute) return;
      // Its memory may be used again before it leaves.
      const chunk = Uint8Array.from(data);
      after(() => {
        if (to.destroyed || pair.isMute || to.write(chunk)) return;
        from.pause();
        to.once("drain", () => {
          if (!this.#isHeld) from.resume();
        });
      });
    });
    from.once("end", () => {
      if (!pair.isMute) after(() => void to.end());
    });
  }
}

/** What waits to pass in one direction. A timer for each would not keep their order: they are rounded. */
class Line {
  readonly #waiting: { readonly due: number; readonly leave: () => void }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(delay: number, leave: () => void): void {
    if (delay <= 0 && this.#waiting.length === 0) return leave();
    this.#waiting.push({ due: performance.now() + delay, leave });
    this.#timer ??= setTimeout(this.#pass, delay);
  }

  readonly #pass = (): void => {
    this.#timer = undefined;
    while (this.#waiting.length > 0) {
      const wait = this.#waiting[0]!.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(this.#pass, Math.ceil(wait));
        return;
      }
      this.#waiting.shift()!.leave();
    }
  };
}

function silence(pair: Pair): void {
  pair.isMute = true;
  pair.broker.destroy();
  // So that its end is seen, whenever that comes.
  pair.client.resume();
}
