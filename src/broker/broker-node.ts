import type { ByteStream, Listener, ListeningTransport, ListenTlsOptions, StreamHandlers } from "../net/transport.ts";
import type { NodeState } from "./cluster-state.ts";
import { Connection, type ConnectionHost } from "./connection.ts";

/** One node: its listener and the connections that it has accepted. */
export class BrokerNode {
  readonly #state: NodeState;
  readonly #listenHost: string;
  readonly #transport: ListeningTransport;
  readonly #host: ConnectionHost;
  readonly #tls: ListenTlsOptions | undefined;
  readonly #connections = new Set<Connection>();
  #listener: Listener | undefined;

  /** `listenHost` is where it binds; `state.host`, what clients are told, may be another name for it. */
  constructor(
    state: NodeState,
    listenHost: string,
    transport: ListeningTransport,
    host: ConnectionHost,
    tls?: ListenTlsOptions | undefined,
  ) {
    this.#state = state;
    this.#listenHost = listenHost;
    this.#transport = transport;
    this.#host = host;
    this.#tls = tls;
  }

  get nodeId(): number {
    return this.#state.nodeId;
  }

  /** Listens on its port; port 0 picks one, which it then keeps. */
  async start(): Promise<void> {
    if (this.#listener !== undefined) return;
    const address = { host: this.#listenHost, port: this.#state.port };
    this.#listener = await this.#transport.listen(address, (stream) => this.#accept(stream), this.#tls);
    this.#state.port = this.#listener.address.port;
  }

  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.disconnect();
    this.forgetFetchSessions();
    await listener?.close();
  }

  /** Closes all connections; clients may open new ones. */
  disconnect(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Every client has to begin its fetch sessions anew. */
  forgetFetchSessions(): void {
    this.#host.fetchSessions.clear();
  }

  #accept(stream: ByteStream): StreamHandlers {
    const connection: Connection = new Connection(this.#host, stream, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection.handlers;
  }
}
