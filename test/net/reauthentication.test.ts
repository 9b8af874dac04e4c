import assert from "node:assert/strict";
import { test } from "node:test";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import type { SaslMechanism } from "../../src/net/sasl-mechanism.ts";
import { beat, failure } from "../support/connection-peers.ts";
import {
  ALL_VERSIONS,
  type ScriptedBench,
  type ScriptedRequest,
  startScript,
  withVersions,
} from "../support/scripted-broker.ts";

const LIFETIME = 60_000;
/** The part of a session's time in which it is renewed. */
const [FROM, UNTIL] = [0.85 * LIFETIME, 0.95 * LIFETIME];

/** Two messages, so that something could come between them. */
const twoSteps: SaslMechanism = {
  name: "TWO-STEPS",
  async *authenticate() {
    yield new Uint8Array([1]);
    yield new Uint8Array([2]);
  },
};

interface Login extends ScriptedBench {
  /** Requests other than those of a login, unanswered. */
  readonly asked: ScriptedRequest[];
  /** Logins that have begun. */
  readonly logins: () => number;
}

/** A broker whose sessions last for {@link LIFETIME}; `onToken` may answer a token in its own way. */
async function startLogin(onToken: (request: ScriptedRequest, login: number) => boolean = () => false): Promise<Login> {
  const asked: ScriptedRequest[] = [];
  let logins = 0;
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      if (request.apiKey === saslHandshake.key) {
        logins++;
        request.answer(saslHandshake, { errorCode: 0, mechanisms: ["TWO-STEPS"] });
      } else if (request.apiKey === saslAuthenticate.key) {
        if (!onToken(request, logins)) request.answer(saslAuthenticate, { errorCode: 0, sessionLifetimeMs: LIFETIME });
      } else asked.push(request);
    }),
  );
  return { ...bench, asked, logins: () => logins };
}

/** The order of requests as they came, by API. */
function order(bench: ScriptedBench): number[] {
  return bench.requests.map(({ apiKey }) => apiKey);
}

const LOGIN = [saslHandshake.key, saslAuthenticate.key, saslAuthenticate.key];

test("a session is renewed at a random point from 85 to 95 % of its time, over and over, while nothing else happens", async () => {
  const bench = await startLogin();
  const connection = await bench.run(bench.open({ sasl: twoSteps }));
  assert.deepEqual(order(bench), [apiVersions.key, ...LOGIN]);
  for (let login = 2; login < 6; login++) {
    const before = bench.time.elapsed;
    await bench.time.advance(FROM - 2);
    assert.equal(bench.logins(), login - 1);
    while (bench.logins() < login) await bench.time.advance(1);
    assert.ok(bench.time.elapsed - before <= UNTIL + 1);
  }
  assert.equal(connection.cause, undefined);
});

test("the point differs from connection to connection", async () => {
  const bench = await startLogin();
  const opening = Array.from({ length: 8 }, () => bench.open({ sasl: twoSteps }));
  await bench.run(Promise.all(opening));
  const times = new Set<number>();
  for (let known = bench.logins(); known < 16; ) {
    await bench.time.advance(10);
    if (bench.logins() > known) times.add(bench.time.elapsed);
    known = bench.logins();
  }
  assert.ok(times.size > 4);
});

test("what is in flight is answered first, what comes meanwhile waits and is sent after (platformatic #226)", async () => {
  const held: ScriptedRequest[] = [];
  const bench = await startLogin((request, login) => login > 1 && held.push(request) > 0);
  const connection = await bench.run(bench.open({ sasl: twoSteps }));
  await bench.time.advance(FROM - 1);
  const before = beat(connection, 90_000);
  await bench.time.advance(UNTIL - FROM + 1);
  assert.equal(bench.logins(), 1, "it waits for the answer that is due");
  const during = [beat(connection), beat(connection)];
  connection.sendOneWay(produce, { acks: 0, timeoutMs: 1, topicData: [] });
  await bench.time.advance(1);
  assert.equal(bench.asked.length, 1, "nothing new is sent");
  bench.asked[0]!.answer(heartbeat, { errorCode: 1 });
  assert.equal((await bench.run(before)).errorCode, 1);
  await bench.time.advance(1);
  assert.equal(held.length, 1);
  held[0]!.answer(saslAuthenticate, { errorCode: 0 });
  await bench.time.advance(1);
  assert.equal(bench.asked.length, 1, "nothing comes between two tokens");
  held[1]!.answer(saslAuthenticate, { errorCode: 0, sessionLifetimeMs: LIFETIME });
  await bench.time.advance(1);
  assert.deepEqual(order(bench).slice(-6), [...LOGIN, heartbeat.key, heartbeat.key, produce.key]);
  for (const [i, request] of bench.asked.slice(1, 3).entries()) request.answer(heartbeat, { errorCode: 2 + i });
  const codes = (await bench.run(Promise.all(during))).map(({ errorCode }) => errorCode);
  assert.deepEqual(codes, [2, 3]);
  assert.equal(connection.cause, undefined);
});

test("what waits for a renewal and is given up is never sent", async () => {
  const held: ScriptedRequest[] = [];
  const bench = await startLogin((request, login) => login > 1 && held.push(request) > 0);
  const connection = await bench.run(bench.open({ sasl: twoSteps }));
  while (held.length === 0) await bench.time.advance(100);
  const short = failure(beat(connection, 500));
  const long = beat(connection, 30_000);
  await bench.time.advance(500);
  assert.equal((await short).code, "REQUEST_TIMED_OUT");
  assert.equal(connection.cause, undefined);
  held[0]!.answer(saslAuthenticate, { errorCode: 0 });
  await bench.time.advance(1);
  held[1]!.answer(saslAuthenticate, { errorCode: 0 });
  await bench.time.advance(1);
  assert.equal(bench.asked.length, 1);
  bench.asked[0]!.answer(heartbeat, {});
  await bench.run(long);
  assert.equal(connection.inFlight, 0);
});

test("a renewal that is refused closes the connection with the broker's words, for whatever waits too", async () => {
  const bench = await startLogin((request, login) => {
    if (login > 1) request.answer(saslAuthenticate, { errorCode: 58, errorMessage: "password changed" });
    return login > 1;
  });
  const connection = await bench.run(bench.open({ sasl: twoSteps }));
  await bench.time.advance(FROM - 1);
  const before = beat(connection, 90_000);
  await bench.time.advance(UNTIL - FROM + 1);
  const later = failure(beat(connection, 90_000));
  bench.asked[0]!.answer(heartbeat, {});
  const error = await bench.run(later);
  assert.equal(error.code, "SASL_AUTHENTICATION_FAILED");
  assert.match(error.message, /broker:9092 refused SASL TWO-STEPS: password changed/);
  assert.equal(connection.cause, error);
  assert.equal((await before).errorCode, 0);
});

test("a renewal that hangs, in the broker or in what gives the secret, ends with the connection", async () => {
  const mute = await startLogin((_request, login) => login > 1);
  const connection = await mute.run(mute.open({ sasl: twoSteps }));
  await mute.time.advance(UNTIL + 10_000);
  assert.match(
    connection.cause!.message,
    /authenticating again with broker:9092 took longer than 10000 ms|did not answer/,
  );

  let asked = 0;
  let aborted = false;
  const bench = await startLogin();
  const sasl: SaslMechanism = {
    name: "TWO-STEPS",
    async *authenticate({ signal }) {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      if (++asked > 1) await new Promise(() => {});
      yield new Uint8Array([1]);
    },
  };
  const other = await bench.run(bench.open({ sasl }));
  await bench.time.advance(UNTIL);
  const waiting = failure(beat(other, 30_000));
  await bench.time.advance(10_001);
  assert.match((await waiting).message, /authenticating again with broker:9092 took longer than 10000 ms/);
  assert.ok(aborted);
});

test("a secret that never comes ends the opening after the connect timeout", async () => {
  const bench = await startLogin();
  const sasl: SaslMechanism = {
    name: "X",
    authenticate: async function* () {
      await new Promise(() => {});
    },
  };
  const error = await failure(bench.run(bench.open({ sasl })));
  assert.equal(error.code, "CONNECT_TIMED_OUT");
  assert.equal(bench.time.elapsed, 10_000);
});

test("a closed connection renews nothing", async () => {
  const bench = await startLogin();
  const connection = await bench.run(bench.open({ sasl: twoSteps }));
  connection.close();
  await bench.time.advance(10 * LIFETIME);
  assert.equal(bench.logins(), 1);
});

test("a broker too old for tokens with headers is refused, and so is one without SASL", async () => {
  const old = await startScript(
    withVersions(
      [
        [saslHandshake.key, 0, 0],
        [saslAuthenticate.key, 0, 0],
      ],
      () => {},
    ),
  );
  const error = await failure(old.run(old.open({ sasl: twoSteps })));
  assert.equal(error.code, "UNSUPPORTED_VERSION");
  assert.equal(old.requests.length, 1, "no token goes out without a header");
});
