import type { Clock } from "./clock.ts";
import {
  type Address,
  type ByteStream,
  formatAddress,
  type Listener,
  type ListeningTransport,
  type StreamHandlers,
  type Transport,
} from "./transport.ts";

/** What lies between the two ends: how long a chunk takes, and whether anything passes at all. */
export interface MemoryLink {
  /** Milliseconds from a write to its arrival; order is kept. Default 0. */
  readonly delay?: (() => number) | undefined;
}

/**
 * A network in memory. Each party has a transport bound to its own clock, and what reaches it arrives on that clock:
 * a frozen party hears nothing.
 */
export class MemoryNetwork {
  readonly #listeners = new Map<
    string,
    { clock: Clock; accept: (stream: ByteStream) => StreamHandlers; ends: Set<End> }
  >();
  readonly #link: MemoryLink;
  #nextPort = 1;

  constructor(link: MemoryLink = {}) {
    this.#link = link;
  }

  transport(clock: Clock): Transport & ListeningTransport & { cut(): void } {
    const ends = new Set<End>();
    return {
      connect: (address, handlers, signal) => this.#connect(address, handlers, signal, clock, ends),
      listen: (address, accept) => this.#listen(address, accept, clock),
      /** Drops every stream this party opened, as when its process dies: the peers see the close, this party nothing. */
      cut: () => {
        for (const end of [...ends]) end.vanish();
      },
    };
  }

  #listen(address: Address, accept: (stream: ByteStream) => StreamHandlers, clock: Clock): Promise<Listener> {
    const bound = { host: address.host, port: address.port === 0 ? this.#nextPort++ : address.port };
    const key = formatAddress(bound);
    if (this.#listeners.has(key)) return Promise.reject(new Error(`${key} is in use`));
    const ends = new Set<End>();
    this.#listeners.set(key, { clock, accept, ends });
    return Promise.resolve({
      address: bound,
      close: () => {
        this.#listeners.delete(key);
        for (const end of [...ends]) end.destroy();
        return Promise.resolve();
      },
    });
  }

  #connect(
    address: Address,
    handlers: StreamHandlers,
    signal: AbortSignal,
    clock: Clock,
    ends: Set<End>,
  ): Promise<ByteStream> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const listener = this.#listeners.get(formatAddress(address));
    if (listener === undefined) {
      return Promise.reject(
        Object.assign(new Error(`connect ECONNREFUSED ${formatAddress(address)}`), { code: "ECONNREFUSED" }),
      );
    }
    const near = new End(clock, this.#link, ends);
    const far = new End(listener.clock, this.#link, listener.ends);
    near.peer = far;
    far.peer = near;
    near.handlers = handlers;
    far.handlers = listener.accept(far);
    return new Promise((resolve) => clock.soon(() => resolve(near)));
  }
}

class End implements ByteStream {
  handlers: StreamHandlers | undefined;
  peer: End | undefined;
  readonly #clock: Clock;
  readonly #link: MemoryLink;
  readonly #owner: Set<End>;
  #open = true;
  #lastArrival = 0;

  constructor(clock: Clock, link: MemoryLink, owner: Set<End>) {
    this.#clock = clock;
    this.#link = link;
    this.#owner = owner;
    owner.add(this);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#open) return false;
    this.peer?.arrive(() => this.peer?.handlers?.data(chunk));
    return true;
  }

  end(): void {
    this.destroy();
  }

  destroy(cause?: Error): void {
    if (!this.#open) return;
    this.vanish();
    this.#clock.soon(() => this.handlers?.close(cause));
  }

  hold(): void {}

  /** This end is gone without a word to its own side. */
  vanish(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#owner.delete(this);
    const peer = this.peer;
    peer?.arrive(() => peer.#closedByPeer());
  }

  #closedByPeer(): void {
    this.#open = false;
    this.#owner.delete(this);
    this.handlers?.close(undefined);
  }

  /** Runs `effect` on this end's clock after the link's delay, never before what was sent earlier. */
  arrive(effect: () => void): void {
    const delay = this.#link.delay?.() ?? 0;
    const at = Math.max(this.#lastArrival, this.#clock.monotonic() + delay);
    this.#lastArrival = at;
    const deliver = (): void => {
      if (this.#open) effect();
    };
    if (at <= this.#clock.monotonic()) this.#clock.soon(deliver);
    else this.#clock.timer(at - this.#clock.monotonic(), deliver);
  }
}
