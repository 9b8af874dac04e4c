import { ErrorCode } from "../../protocol/errors.ts";
import type { FetchRequest } from "../../protocol/messages/01-fetch.ts";
import type { Clock } from "../net/clock.ts";
import { FetchSession, type FoundPartition, type WantedPartition, wantedBy } from "./fetch-session.ts";

/** What goes into the answer. */
export interface FetchTold {
  /** 0: there is no session. */
  readonly sessionId: number;
  readonly errorCode: number;
  readonly told: readonly FoundPartition[];
}

/** A fetch as it was understood: what it reads, and how its answer is told. */
export interface FetchPlan {
  readonly wanted: readonly WantedPartition[];
  /**
   * What of the partitions found is told, and in which session. Called once, with all of them, or with undefined where
   * the client is throttled: then it is told of none, and no session is opened.
   */
  tell(found: readonly FoundPartition[] | undefined): FetchTold;
}

/** The first version whose requests name topics by their id. */
const TOPIC_IDS_SINCE = 13;
/** Epochs of a request that stands for itself: it opens a session, or wants none. */
const FIRST_EPOCH = 0;
const NO_EPOCH = -1;
/** A session not used for so long gives way to a new one, and one so old to a larger one (`min.incremental.fetch.session.eviction.ms`). */
const EVICTION_MS = 120_000;
const LARGEST_ID = 0x7fff_ffff;
const NOTHING_TOLD: FetchTold = { sessionId: 0, errorCode: ErrorCode.NONE, told: [] };

/** The fetch sessions of one node, as many as its slots. A client that gets none sends full fetches (KIP-227). */
export class FetchSessionCache {
  readonly #clock: Clock;
  readonly #slots: number;
  /** The one that was not used for longest comes first. */
  readonly #sessions = new Map<number, FetchSession>();

  constructor(clock: Clock, slots: number) {
    this.#clock = clock;
    this.#slots = slots;
  }

  /** Forgets all sessions, as a node does that is started anew. */
  clear(): void {
    this.#sessions.clear();
  }

  /** What a request means, or a Kafka error code. */
  plan(request: FetchRequest, version: number): FetchPlan | number {
    const { sessionId, sessionEpoch } = request;
    const usesTopicIds = version >= TOPIC_IDS_SINCE;
    if (sessionEpoch === NO_EPOCH || sessionEpoch === FIRST_EPOCH) {
      this.#sessions.delete(sessionId);
      return sessionEpoch === NO_EPOCH ? sessionless(request) : this.#opening(request, usesTopicIds);
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
    if (session.epoch !== sessionEpoch) return ErrorCode.INVALID_FETCH_SESSION_EPOCH;
    if (session.usesTopicIds !== usesTopicIds) return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR;
    session.update(request);
    this.#sessions.delete(sessionId);
    if (session.size === 0) return sessionless(request);
    session.usedAt = this.#clock.monotonic();
    this.#sessions.set(sessionId, session);
    session.advance();
    return continuing(session);
  }

  #opening(request: FetchRequest, usesTopicIds: boolean): FetchPlan {
    return {
      wanted: wantedBy(request),
      tell: (told) => {
        if (told === undefined) return NOTHING_TOLD;
        return { sessionId: this.#open(told, usesTopicIds), errorCode: ErrorCode.NONE, told };
      },
    };
  }

  /** The id of a new session; 0 where no slot can be had. */
  #open(found: readonly FoundPartition[], usesTopicIds: boolean): number {
    const now = this.#clock.monotonic();
    if (this.#sessions.size >= this.#slots && !this.#evict(found.length, now)) return 0;
    let id: number;
    do id = 1 + Math.floor(this.#clock.random() * LARGEST_ID);
    while (this.#sessions.has(id));
    this.#sessions.set(id, new FetchSession(id, usesTopicIds, found, now));
    return id;
  }

  /** Frees a slot: that of a session no longer used, or else of an old one that saves less than the new one will. */
  #evict(size: number, now: number): boolean {
    const [unused] = this.#sessions.values();
    if (unused === undefined) return false;
    if (now - unused.usedAt > EVICTION_MS) return this.#sessions.delete(unused.id);
    let smallest: FetchSession | undefined;
    for (const session of this.#sessions.values()) {
      if (now - session.createdAt > EVICTION_MS && session.size < (smallest?.size ?? size)) smallest = session;
    }
    return smallest !== undefined && this.#sessions.delete(smallest.id);
  }
}

function sessionless(request: FetchRequest): FetchPlan {
  return {
    wanted: wantedBy(request),
    tell: (told) => (told === undefined ? NOTHING_TOLD : { ...NOTHING_TOLD, told }),
  };
}

function continuing(session: FetchSession): FetchPlan {
  const { id, epoch } = session;
  return {
    wanted: session.wanted,
    tell(found) {
      // While this one waited, the session went on with another: only that one's client knows what was told.
      if (session.epoch !== epoch) {
        return { sessionId: id, errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, told: [] };
      }
      return { sessionId: id, errorCode: ErrorCode.NONE, told: found === undefined ? [] : session.news(found) };
    },
  };
}
