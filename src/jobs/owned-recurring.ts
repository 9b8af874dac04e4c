import type { PartitionExecutor } from "./partition-executor.ts";
import { PartitionRecurring } from "./partition-recurring.ts";
import type { RecurringDefinition } from "./recurring-definition.ts";
import { homeOf, type RecurringRegistry } from "./recurring-registry.ts";
import type { LoadedState } from "./state-reader.ts";
import type { WorkerContext } from "./worker-context.ts";

const DURING = "taking up a recurring job";

/** The recurring jobs of the partitions that this worker owns. A partition without any costs nothing. */
export class OwnedRecurring {
  readonly #context: WorkerContext;
  readonly #registry: RecurringRegistry;
  readonly #owned = new Map<PartitionExecutor, PartitionRecurring | undefined>();
  readonly #unlisten: () => void;
  #isClosed = false;

  constructor(context: WorkerContext) {
    this.#context = context;
    this.#registry = context.app.recurring;
    this.#unlisten = this.#registry.onAdded((definition) => void this.#added(definition));
  }

  /** The partition has begun. `loaded`: what the group keeps for it. */
  begin(executor: PartitionExecutor, loaded: LoadedState | undefined): void {
    this.#owned.set(executor, undefined);
    const { topic, partition } = executor;
    if (this.#registry.size === 0) return;
    const refused = (error: unknown): void => this.#context.events.emit("error", { error, during: DURING, topic });
    const definitions = this.#registry.of(topic, partition, this.#countOf(topic), refused);
    if (definitions.length === 0) return;
    if (loaded === undefined) for (const definition of definitions) void this.#added(definition);
    else this.#start(executor, definitions, loaded);
  }

  #countOf(topic: string): number {
    return this.#context.app.slot.use().kafka.cluster.metadata.topic(topic)?.partitions.length ?? 1;
  }

  #start(executor: PartitionExecutor, definitions: readonly RecurringDefinition[], loaded: LoadedState): void {
    const recurring = new PartitionRecurring(this.#context, executor, this.#context.state.reader!);
    this.#owned.set(executor, recurring);
    recurring.begin(definitions, loaded.recurring, loaded.requests, loaded.upTo);
  }

  /** One that is defined while this worker works, be it the first that needs the group's state. */
  async #added(definition: RecurringDefinition): Promise<void> {
    const { events, state } = this.#context;
    const { queue: topic } = definition;
    try {
      const executor = [...this.#owned.keys()].find(
        (each) => each.topic === topic && homeOf(definition, this.#countOf(topic)) === each.partition,
      );
      if (executor === undefined) return;
      await state.prepare();
      const loaded = await state.load(executor);
      if (!this.#owned.has(executor) || loaded === undefined) return;
      const recurring = this.#owned.get(executor);
      if (recurring === undefined) this.#start(executor, [definition], loaded);
      else
        recurring.added(
          definition,
          loaded.recurring.find(({ name }) => name === definition.name),
        );
    } catch (error) {
      if (!this.#isClosed) events.emit("error", { error, during: DURING, topic });
    }
  }

  /** The partition is about to be given up: nothing of it is dispatched any more. */
  end(executor: PartitionExecutor): void {
    this.#owned.get(executor)?.end();
    this.#owned.delete(executor);
  }

  /** The worker ends: nothing is dispatched any more. */
  close(): void {
    this.#isClosed = true;
    this.#unlisten();
    for (const recurring of this.#owned.values()) recurring?.end();
  }
}
