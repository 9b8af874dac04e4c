/** A request that the broker has read, before anything was done for it. */
export interface ObservedRequest {
  readonly apiKey: number;
  /** The API's name in the protocol: "Produce", "Fetch", … */
  readonly api: string;
  readonly version: number;
  /** The node that was asked. */
  readonly nodeId: number;
  readonly clientId: string | null;
  /** As decoded: of the request type in the API's message file. */
  readonly body: unknown;
}

/** Which requests a fault is for. What is left out does not matter. */
export interface FaultMatch {
  /** The API's name in the protocol: "Produce", "Fetch", … */
  readonly api?: string | undefined;
  readonly node?: number | undefined;
  readonly where?: ((request: ObservedRequest) => boolean) | undefined;
  /** For how many requests; default 1, Infinity until it is cancelled. */
  readonly times?: number | undefined;
}

/** Whether the request takes effect: a client that gets no answer cannot tell. */
export type FaultMoment = "beforeApply" | "afterApply";

export type FaultOutcome =
  /** No answer, ever; what comes behind it on the connection is not even read. */
  | { readonly kind: "drop"; readonly when: FaultMoment }
  /** The connection closes: after half of the answer, or with none where nothing was applied. */
  | { readonly kind: "cut"; readonly when: FaultMoment }
  /** The answer is this error, in all places where the API has errors. */
  | { readonly kind: "fail"; readonly when: FaultMoment; readonly errorCode: number };

/** A fault that was set. */
export interface FaultHandle {
  /** How many requests it has met. */
  readonly used: number;
  cancel(): void;
}

type FaultEffect =
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "throttle"; readonly ms: number }
  | FaultOutcome;

interface Rule {
  readonly match: FaultMatch;
  readonly effect: FaultEffect;
  used: number;
}

/** What happens to one request. */
export interface FaultPlan {
  readonly delayMs: number;
  /** Told in the answer, and kept to by the broker: it looks at nothing else on the connection for as long. */
  readonly throttleMs: number;
  readonly outcome: FaultOutcome | undefined;
}

/** The faults that are set for requests, and who watches them. */
export class RequestFaults {
  #rules: Rule[] = [];
  readonly #observers = new Set<(request: ObservedRequest) => void>();

  add(match: FaultMatch, effect: FaultEffect): FaultHandle {
    const rule: Rule = { match, effect, used: 0 };
    this.#rules.push(rule);
    return {
      get used() {
        return rule.used;
      },
      cancel: () => {
        this.#rules = this.#rules.filter((one) => one !== rule);
      },
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** Calls `listener` with each request until the returned function is called. */
  observe(listener: (request: ObservedRequest) => void): () => void {
    this.#observers.add(listener);
    return () => void this.#observers.delete(listener);
  }

  /** Resolves with the next request that matches. */
  next(match: FaultMatch): Promise<ObservedRequest> {
    return new Promise((resolve) => {
      const stop = this.observe((request) => {
        if (!matches(match, request)) return;
        stop();
        resolve(request);
      });
    });
  }

  /** Shows the request to all who watch, then gives the oldest fault of each sort that is meant for it. */
  meet(request: ObservedRequest): FaultPlan | undefined {
    for (const listener of [...this.#observers]) listener(request);
    if (this.#rules.length === 0) return undefined;
    const met: { delay?: number; throttle?: number; outcome?: FaultOutcome } = {};
    for (const rule of [...this.#rules]) {
      const { effect } = rule;
      const sort = effect.kind === "delay" || effect.kind === "throttle" ? effect.kind : "outcome";
      if (met[sort] !== undefined || !matches(rule.match, request)) continue;
      rule.used += 1;
      if (rule.used >= (rule.match.times ?? 1)) this.#rules.splice(this.#rules.indexOf(rule), 1);
      if (effect.kind === "delay" || effect.kind === "throttle") met[effect.kind] = effect.ms;
      else met.outcome = effect;
    }
    const { delay: delayMs = 0, throttle: throttleMs = 0, outcome } = met;
    return delayMs > 0 || throttleMs > 0 || outcome !== undefined ? { delayMs, throttleMs, outcome } : undefined;
  }
}

function matches(match: FaultMatch, request: ObservedRequest): boolean {
  if (match.api !== undefined && match.api !== request.api) return false;
  if (match.node !== undefined && match.node !== request.nodeId) return false;
  return match.where?.(request) ?? true;
}
