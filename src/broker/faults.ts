import type { BrokerNode } from "./broker-node.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Partition } from "./partition.ts";
import type { FaultHandle, FaultMatch, FaultMoment, RequestFaults } from "./request-faults.ts";

/** Everything that can be made to go wrong, at the moment and as often as a test wants it. */
export class Faults {
  readonly #requests: RequestFaults;
  readonly #cluster: ClusterState;
  readonly #nodes: readonly BrokerNode[];
  readonly #apis: ReadonlySet<string>;

  constructor(requests: RequestFaults, cluster: ClusterState, nodes: readonly BrokerNode[], apis: ReadonlySet<string>) {
    this.#requests = requests;
    this.#cluster = cluster;
    this.#nodes = nodes;
    this.#apis = apis;
  }

  /** Holds requests back for `ms` milliseconds before they are handled, and with them all that follow on the connection. */
  delay(fault: FaultMatch & { readonly ms: number }): FaultHandle {
    return this.#requests.add(this.#checked(fault), { kind: "delay", ms: fault.ms });
  }

  /** Never answers; later requests of the connection are not answered either. `when`: default "beforeApply". */
  drop(fault: FaultMatch & { readonly when?: FaultMoment | undefined }): FaultHandle {
    return this.#requests.add(this.#checked(fault), { kind: "drop", when: fault.when ?? "beforeApply" });
  }

  /**
   * Closes the connection in the middle of the answer. `when`: default "afterApply"; "beforeApply" closes it without
   * a byte of an answer, and nothing has happened.
   */
  cut(fault: FaultMatch & { readonly when?: FaultMoment | undefined }): FaultHandle {
    return this.#requests.add(this.#checked(fault), { kind: "cut", when: fault.when ?? "afterApply" });
  }

  /**
   * Answers with an error: for the whole where the API has a place for that, else for every topic, partition or key.
   * `when`: default "beforeApply"; "afterApply" says that it failed although it did not.
   */
  fail(fault: FaultMatch & { readonly errorCode: number; readonly when?: FaultMoment | undefined }): FaultHandle {
    const { errorCode, when = "beforeApply" } = fault;
    return this.#requests.add(this.#checked(fault), { kind: "fail", when, errorCode });
  }

  /**
   * Answers at once, tells the client to send nothing for `ms` milliseconds, and looks at nothing that comes on the
   * connection before they are over (KIP-219), as a broker does whose quota the client has used up. A Fetch is then
   * answered without its partitions, which a client may not take for an answer about them.
   */
  throttle(fault: FaultMatch & { readonly ms: number }): FaultHandle {
    return this.#requests.add(this.#checked(fault), { kind: "throttle", ms: fault.ms });
  }

  /** Takes back all delays, throttles, drops, cuts and failures. */
  clear(): void {
    this.#requests.clear();
  }

  /** Closes all connections to a node, or to all nodes. They go on listening. */
  disconnect(node?: number): void {
    for (const one of node === undefined ? this.#nodes : [this.#node(node)]) one.disconnect();
  }

  /** Forgets the fetch sessions of a node, or of all nodes, as a node does that has no slot left for them. */
  forgetFetchSessions(node?: number): void {
    for (const one of node === undefined ? this.#nodes : [this.#node(node)]) one.forgetFetchSessions();
  }

  /** Ends a member's session in its group as if its heartbeats had stopped; without a member id, everybody's. */
  expireSession(groupId: string, memberId?: string): void {
    const group = this.#cluster.groups.find(groupId);
    if (group === undefined) throw new RangeError(`there is no group ${groupId}`);
    const { members } = group;
    if (memberId !== undefined && [...members.members].every((member) => member.memberId !== memberId)) {
      throw new RangeError(`group ${groupId} has no member ${memberId}`);
    }
    members.expire(memberId);
  }

  /** Makes a node the leader of a partition, with the next leader epoch. A node that has no replica gets the leader's. */
  moveLeader(topic: string, partition: number, node: number): void {
    this.#lead(this.#partition(topic, partition), this.#upNode(node));
  }

  #lead(found: Partition, nodeId: number): void {
    if (!found.replicas.includes(nodeId)) {
      found.replicas = found.replicas.map((replica) => (replica === found.leaderId ? nodeId : replica));
    }
    found.lead(nodeId);
  }

  /** Makes a node the coordinator of a group. Members that wait are sent there, and a rebalance under way is lost. */
  moveCoordinator(groupId: string, node: number): void {
    this.#cluster.groups.moveCoordinator(groupId, this.#upNode(node));
  }

  /** Makes a node the coordinator of a transactional id. Its transaction goes on there. */
  moveTransactionCoordinator(transactionalId: string, node: number): void {
    const { transactions } = this.#cluster;
    transactions.coordinators.move(transactionalId, this.#upNode(node));
    transactions.clusterChanged();
  }

  /**
   * Keeps the markers of ended transactions from being written until the returned function is called: what comes next
   * from their producers meets CONCURRENT_TRANSACTIONS, as it may for a moment on every real cluster.
   */
  holdMarkers(): () => void {
    return this.#cluster.transactions.holdMarkers();
  }

  /** Aborts the open transaction of a transactional id as if its timeout had passed. */
  expireTransaction(transactionalId: string): void {
    if (this.#cluster.transactions.expire(transactionalId)) return;
    throw new RangeError(`transactional id ${transactionalId} has no open transaction`);
  }

  /**
   * Loses the records of a partition from `offset` on, as if a replica that did not have them had become its leader
   * (`unclean.leader.election.enable`): the leader epoch rises. A batch that begins before `offset` and ends behind it
   * is lost as a whole. `node`: the new leader; default: the same as before.
   */
  truncate(topic: string, partition: number, offset: number, node?: number): void {
    const found = this.#partition(topic, partition);
    const nodeId = node === undefined ? found.leaderId : this.#upNode(node);
    if (!Number.isInteger(offset) || offset < 0) throw new RangeError(`${offset} is no offset to truncate to`);
    found.truncate(offset);
    this.#lead(found, nodeId);
  }

  /** Takes a node down: its connections close, and what it led goes to nodes that are up. */
  async stop(node: number): Promise<void> {
    const stopped = this.#node(node).stop();
    this.#cluster.setUp(node, false);
    await stopped;
  }

  /** Brings a node up again, on its old port. */
  async start(node: number): Promise<void> {
    await this.#node(node).start();
    this.#cluster.setUp(node, true);
  }

  #checked(fault: FaultMatch): FaultMatch {
    if (fault.api !== undefined && !this.#apis.has(fault.api)) {
      throw new RangeError(`there is no API ${fault.api}: the broker has ${[...this.#apis].join(", ")}`);
    }
    if (fault.node !== undefined) this.#node(fault.node);
    return fault;
  }

  #node(nodeId: number): BrokerNode {
    const node = this.#nodes.find((one) => one.nodeId === nodeId);
    if (node === undefined)
      throw new RangeError(`there is no node ${nodeId}: the broker has 1 to ${this.#nodes.length}`);
    return node;
  }

  #upNode(nodeId: number): number {
    this.#node(nodeId);
    const isUp = this.#cluster.liveNodes().some((node) => node.nodeId === nodeId);
    if (!isUp) throw new RangeError(`node ${nodeId} is down: start it first`);
    return nodeId;
  }

  #partition(topic: string, index: number): Partition {
    const partition = this.#cluster.topicNamed(topic)?.partitions[index];
    if (partition === undefined) throw new RangeError(`there is no partition ${index} of topic ${topic}`);
    return partition;
  }
}
