import { stringHash } from "./string-hash.ts";

/** A node that can coordinate. */
interface Coordinating {
  readonly nodeId: number;
}

/** Which node coordinates what: the same one for the same key, as long as it is up. */
export class CoordinatorChoice {
  readonly #liveNodes: () => readonly Coordinating[];
  readonly #chosen = new Map<string, number>();

  constructor(liveNodes: () => readonly Coordinating[]) {
    this.#liveNodes = liveNodes;
  }

  /** The id of the node that coordinates `key`, or -1 where none is up. */
  of(key: string): number {
    const live = this.#liveNodes();
    if (live.length === 0) return -1;
    const wanted = this.#chosen.get(key);
    if (live.some((node) => node.nodeId === wanted)) return wanted!;
    return live[(stringHash(key) & 0x7fff_ffff) % live.length]!.nodeId;
  }

  /** From now on, `nodeId` coordinates `key` while it is up. */
  move(key: string, nodeId: number): void {
    this.#chosen.set(key, nodeId);
  }
}
