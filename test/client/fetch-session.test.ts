import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/field.ts";
import { FetchPosition } from "../../src/client/fetch-position.ts";
import { FetchSession, type WishTerms } from "../../src/client/fetch-session.ts";

const ID = "00000000-0000-0000-0000-00000000000a";
const OTHER_ID = "00000000-0000-0000-0000-00000000000b";
const terms: WishTerms = { topicId: ID, leaderEpoch: 3, maxBytes: 100 };
const VERSION = 17;

function positions(count: number): FetchPosition[] {
  return Array.from({ length: count }, (_, partition) => new FetchPosition("t", partition, 10, -1));
}

/** A session that the broker has opened with these positions. */
function opened(all: readonly FetchPosition[]): FetchSession {
  const session = new FetchSession();
  for (const position of all) session.set(position, terms);
  session.request(VERSION);
  assert.ok(session.answered({ errorCode: 0, sessionId: 77 }));
  return session;
}

/** What a request says, in short. */
function said(session: FetchSession, version = VERSION): unknown {
  const { sessionId, sessionEpoch, topics = [], forgottenTopicsData = [] } = session.request(version);
  const asked = topics.flatMap(({ partitions = [] }) => partitions.map((one) => `${one.partition}@${one.fetchOffset}`));
  const forgotten = forgottenTopicsData.flatMap(({ partitions = [] }) => partitions);
  return [sessionId, sessionEpoch, asked, forgotten];
}

test("a fetch session names everything once, and then what has changed", () => {
  const all = positions(3);
  const session = new FetchSession();
  for (const position of all) session.set(position, terms);
  assert.deepEqual(said(session), [0, 0, ["0@10", "1@10", "2@10"], []]);
  session.answered({ errorCode: 0, sessionId: 77 });
  assert.deepEqual(said(session), [77, 1, [], []]);
  session.answered({ errorCode: 0, sessionId: 77 });
  all[1]!.offset = 12;
  for (const position of all) session.set(position, terms);
  session.delete(all[2]!);
  assert.deepEqual(said(session), [77, 2, ["1@12"], [2]]);
  session.answered({ errorCode: 0, sessionId: 77 });
  session.set(all[2]!, terms);
  session.set(all[0]!, { ...terms, leaderEpoch: 4 });
  assert.deepEqual(said(session), [77, 3, ["2@10", "0@10"], []]);
});

test("a position that left and came back before the next fetch is not forgotten", () => {
  const all = positions(2);
  const session = opened(all);
  session.delete(all[0]!);
  session.set(all[0]!, terms);
  assert.deepEqual(said(session), [77, 1, ["0@10"], []]);
});

test("a session that the broker lost, or whose fetch went astray, begins anew with everything", () => {
  const all = positions(2);
  const gone = opened(all);
  said(gone);
  assert.equal(gone.answered({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0 }), false);
  assert.deepEqual(said(gone), [0, 0, ["0@10", "1@10"], []]);
  const astray = opened(all);
  assert.equal(astray.answered({ errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: 0 }), false);
  assert.deepEqual(said(astray), [77, 0, ["0@10", "1@10"], []], "the one the broker has is closed by it");
  const unanswered = opened(all);
  unanswered.delete(all[0]!);
  said(unanswered);
  unanswered.lost();
  assert.deepEqual(said(unanswered), [77, 0, ["1@10"], []]);
});

test("a broker that keeps no session is told everything each time", () => {
  const session = new FetchSession();
  for (const position of positions(2)) session.set(position, terms);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(said(session), [0, 0, ["0@10", "1@10"], []]);
    session.answered({ errorCode: 0, sessionId: 0 });
  }
});

test("what gave records is asked for last when everything is named", () => {
  const all = positions(3);
  const session = opened(all);
  all[0]!.offset = 20;
  session.set(all[0]!, terms);
  session.lost();
  assert.deepEqual(said(session), [77, 0, ["1@10", "2@10", "0@20"], []]);
});

test("a topic that was made again is forgotten by its old id and asked for by its new one", () => {
  const all = positions(1);
  const session = opened(all);
  session.set(all[0]!, { ...terms, topicId: OTHER_ID });
  const { topics, forgottenTopicsData } = session.request(VERSION);
  assert.deepEqual([topics![0]!.topicId, forgottenTopicsData![0]!.topicId], [OTHER_ID, ID]);
});

test("a session names topics in one way: it begins anew where an id becomes known", () => {
  const all = positions(2);
  const session = new FetchSession();
  session.set(all[0]!, terms);
  session.set(all[1]!, { ...terms, topicId: ZERO_UUID });
  assert.equal(session.isByName, true);
  said(session);
  session.answered({ errorCode: 0, sessionId: 77 });
  session.set(all[1]!, terms);
  assert.deepEqual([session.isByName, session.isFull], [false, true]);
  assert.deepEqual(said(session), [77, 0, ["0@10", "1@10"], []]);
});

test("epochs of the log are told only in versions that have them", () => {
  const position = new FetchPosition("t", 0, 10, 5);
  const session = new FetchSession();
  session.set(position, terms);
  assert.equal(session.request(11).topics![0]!.partitions![0]!.lastFetchedEpoch, -1);
  assert.equal(session.requestOnce(12).topics![0]!.partitions![0]!.lastFetchedEpoch, 5);
});

test("answers are given for what was asked, whatever else a broker says", () => {
  const all = positions(2);
  const session = opened(all);
  const part = (partitionIndex: number): never => ({ partitionIndex }) as never;
  const answers = [
    ...session.answers({
      responses: [
        { topic: "", topicId: ID, partitions: [part(1), part(9)] },
        { topic: "", topicId: OTHER_ID, partitions: [part(0)] },
        { topic: "t", topicId: ZERO_UUID, partitions: [part(0)] },
      ],
    }),
  ];
  assert.deepEqual(
    answers.map(({ position }) => position),
    [all[1], all[0]],
  );
});
