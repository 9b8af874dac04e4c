/**
 * Hands events to listeners. A listener that throws reaches neither whoever emits nor other listeners: its error is
 * thrown on a task of its own, where the process learns of it as of any other that nobody caught.
 */
export class TypedEmitter<Events extends object> {
  readonly #names: ReadonlySet<string>;
  readonly #refuse: (name: string) => never;
  /** Replaced, never changed, so that a listener may remove itself while it runs. */
  readonly #listeners = new Map<keyof Events, readonly ((event: never) => unknown)[]>();

  /** `refuse` throws for a name that no event has. */
  constructor(names: Readonly<Record<keyof Events & string, true>>, refuse: (name: string) => never) {
    this.#names = new Set(Object.keys(names));
    this.#refuse = refuse;
  }

  /** Returns the remover. */
  on<E extends keyof Events & string>(name: E, listener: (event: Events[E]) => unknown): () => void {
    if (!this.#names.has(name)) this.#refuse(name);
    // A wrapper of its own for each call: one function may listen twice, and each remover takes away one.
    const own = (event: never): unknown => listener(event);
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), own]);
    return () => {
      this.#listeners.set(
        name,
        (this.#listeners.get(name) ?? []).filter((each) => each !== own),
      );
    };
  }

  emit<E extends keyof Events & string>(name: E, event: Events[E]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      // Also what an asynchronous listener rejects with becomes an unhandled rejection, as it would without us.
      try {
        void listener(event as never);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }
}
