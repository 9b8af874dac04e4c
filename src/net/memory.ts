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

/** One party's way into a {@link MemoryNetwork}, and what can happen to it there. */
export interface MemoryTransport extends Transport, ListeningTransport {
  /** Drops every stream of this party, as when its process dies: the peers see the close, this party nothing. */
  cut(): void;
  /**
   * Nothing passes to or from this party any more, and nobody is told: streams stay open, connects hang. `address`: only
   * between it and whoever listens there.
   */
  isolate(address?: Address): void;
  /** What was held up passes now. */
  rejoin(): void;
  /** The streams that this party has open are dead, and neither end is told: what is written to them is lost. */
  strand(): void;
}

const NO_TLS = "a network in memory has no TLS";

class Party {
  readonly clock: Clock;
  readonly ends = new Set<End>();
  /** The addresses that it is cut off from. */
  readonly #away = new Set<string>();
  #isIsolated = false;
  #heldUp: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  isolate(address: Address | undefined): void {
    if (address === undefined) this.#isIsolated = true;
    else this.#away.add(formatAddress(address));
  }

  rejoin(): void {
    this.#isIsolated = false;
    this.#away.clear();
    for (const pass of this.#heldUp.splice(0)) pass();
  }

  /** Calls `pass` now, or once nothing is between this party and `address` any more. */
  whenReachable(address: string, pass: () => void): void {
    if (this.#isIsolated || this.#away.has(address)) this.#heldUp.push(pass);
    else pass();
  }
}

/**
 * A network in memory. Each party has a transport bound to its own clock, and what reaches it arrives on that clock:
 * a frozen party hears nothing.
 */
export class MemoryNetwork {
  readonly #listeners = new Map<
    string,
    { party: Party; accept: (stream: ByteStream) => StreamHandlers; ends: Set<End> }
  >();
  readonly #link: MemoryLink;
  #nextPort = 1;

  constructor(link: MemoryLink = {}) {
    this.#link = link;
  }

  transport(clock: Clock): MemoryTransport {
    const party = new Party(clock);
    return {
      connect: (address, handlers, signal, tls) =>
        tls === undefined ? this.#connect(address, handlers, signal, party) : Promise.reject(new Error(NO_TLS)),
      listen: (address, accept, tls) =>
        tls === undefined ? this.#listen(address, accept, party) : Promise.reject(new Error(NO_TLS)),
      cut: () => {
        for (const end of [...party.ends]) end.vanish();
      },
      isolate: (address) => party.isolate(address),
      rejoin: () => party.rejoin(),
      strand: () => {
        for (const end of [...party.ends]) end.strand();
      },
    };
  }

  #listen(address: Address, accept: (stream: ByteStream) => StreamHandlers, party: Party): Promise<Listener> {
    const bound = address.port === 0 ? this.#freeAddress(address.host) : { host: address.host, port: address.port };
    const key = formatAddress(bound);
    if (this.#listeners.has(key)) return Promise.reject(new Error(`${key} is in use`));
    const ends = new Set<End>();
    this.#listeners.set(key, { party, accept, ends });
    return Promise.resolve({
      address: bound,
      close: () => {
        this.#listeners.delete(key);
        for (const end of [...ends]) end.destroy();
        return Promise.resolve();
      },
    });
  }

  #freeAddress(host: string): Address {
    for (;;) {
      const address = { host, port: this.#nextPort++ };
      if (!this.#listeners.has(formatAddress(address))) return address;
    }
  }

  #connect(address: Address, handlers: StreamHandlers, signal: AbortSignal, party: Party): Promise<ByteStream> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
      const to = formatAddress(address);
      party.whenReachable(to, () => {
        const listener = this.#listeners.get(to);
        if (listener === undefined) return reject(refused(address));
        // Given up while nothing got through: nobody would ever close it.
        if (signal.aborted) return;
        const near = new End(party, to, this.#link, party.ends);
        const far = new End(listener.party, to, this.#link, listener.ends);
        near.peer = far;
        far.peer = near;
        near.handlers = handlers;
        far.handlers = listener.accept(far);
        party.clock.soon(() => resolve(near));
      });
    });
  }
}

function refused(address: Address): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${formatAddress(address)}`), { code: "ECONNREFUSED" });
}

class End implements ByteStream {
  handlers: StreamHandlers | undefined;
  peer: End | undefined;
  readonly #party: Party;
  /** Where one of the two ends listens. */
  readonly #address: string;
  readonly #link: MemoryLink;
  readonly #ends: Set<End>;
  #open = true;
  #isStranded = false;
  #lastArrival = 0;

  constructor(party: Party, address: string, link: MemoryLink, ends: Set<End>) {
    this.#party = party;
    this.#address = address;
    this.#link = link;
    this.#ends = ends;
    ends.add(this);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#open) return false;
    this.#send((peer) => peer.handlers?.data(chunk));
    return true;
  }

  end(): void {
    this.destroy();
  }

  destroy(cause?: Error): void {
    if (!this.#open) return;
    this.vanish();
    this.#party.clock.soon(() => this.handlers?.close(cause));
  }

  hold(): void {}

  /** This end is gone without a word to its own side. */
  vanish(): void {
    if (!this.#open) return;
    this.#forget();
    this.#send((peer) => {
      peer.#forget();
      peer.handlers?.close(undefined);
    });
  }

  /** The stream is dead, and neither side is told. */
  strand(): void {
    this.#isStranded = true;
    if (this.peer !== undefined) this.peer.#isStranded = true;
  }

  #forget(): void {
    this.#open = false;
    this.#ends.delete(this);
  }

  /** What reaches the peer passes both parties' ways, in order. */
  #send(effect: (peer: End) => void): void {
    const { peer } = this;
    if (peer === undefined) return;
    const arrive = (): void => peer.#arrive(() => effect(peer));
    this.#party.whenReachable(this.#address, () => peer.#party.whenReachable(this.#address, arrive));
  }

  /** Runs `effect` on this end's clock after the link's delay, never before what was sent earlier. */
  #arrive(effect: () => void): void {
    const { clock } = this.#party;
    const delay = this.#link.delay?.() ?? 0;
    const at = Math.max(this.#lastArrival, clock.monotonic() + delay);
    this.#lastArrival = at;
    const deliver = (): void => {
      if (this.#open && !this.#isStranded) effect();
    };
    if (at <= clock.monotonic()) clock.soon(deliver);
    else clock.timer(at - clock.monotonic(), deliver);
  }
}
