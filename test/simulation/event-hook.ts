import type { MemoryTransport } from "../../src/net/memory.ts";
import type { ByteStream } from "../../src/net/transport.ts";
import type { InstanceClock } from "../../src/testing/virtual-clock.ts";

/**
 * Counts what a process is called for (timers, what comes over the network) and what it writes, and does something just
 * before the one that was picked.
 */
export class EventHook {
  #left = 0;
  #act: (() => void) | undefined;

  constructor(clock: InstanceClock) {
    clock.onFire = () => this.#passed();
  }

  /** Calls `act` before the event that comes after so many. */
  set(events: number, act: () => void): void {
    this.#left = events;
    this.#act = act;
  }

  clear(): void {
    this.#act = undefined;
  }

  #passed(): void {
    if (this.#act === undefined || this.#left-- > 0) return;
    const act = this.#act;
    this.#act = undefined;
    act();
  }

  /** The transport, whose writes are events. */
  watch(transport: MemoryTransport): MemoryTransport {
    return {
      ...transport,
      connect: async (...given) => this.#watchStream(await transport.connect(...given)),
    };
  }

  #watchStream(stream: ByteStream): ByteStream {
    return {
      write: (chunk) => {
        this.#passed();
        return stream.write(chunk);
      },
      end: () => stream.end(),
      destroy: (cause) => stream.destroy(cause),
      hold: (held) => stream.hold(held),
    };
  }
}
