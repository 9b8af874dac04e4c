/**
 * Parts for tests: a clock that only moves when told, and a network in memory. Give both to `startBroker` and to
 * clients, and a whole cluster runs in one process, from one seed.
 *
 * @module
 */
export { type MemoryLink, MemoryNetwork, type MemoryTransport } from "../net/memory.ts";
export { type InstanceClock, VirtualClock, VirtualDeadlockError } from "./virtual-clock.ts";
