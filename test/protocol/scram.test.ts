import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ScramError, type ScramHash, scramClient, scramCredential, scramServer } from "../../protocol/scram.ts";
import { webDigest } from "../../src/net/web-digest.ts";
import { syncDigest } from "../support/sync-digest.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

function client(username: string, password: string, nonce: string, hash: ScramHash = "SHA-256") {
  const salted = (salt: Uint8Array, iterations: number) => syncDigest.pbkdf2(hash, bytes(password), salt, iterations);
  return scramClient({ hash, digest: syncDigest, username, nonce, salted });
}

/** Answers of a server to a client's messages; gives what the client sent. */
async function converse(session: ReturnType<typeof scramClient>, answers: readonly string[]): Promise<string[]> {
  const sent: string[] = [];
  let step = await session.next();
  for (const answer of answers) {
    if (step.done) break;
    sent.push(text(step.value));
    step = await session.next(bytes(answer));
  }
  assert.equal(step.done, true);
  return sent;
}

/** The exchange of RFC 7677, section 3. */
const RFC = {
  nonce: "rOprNGfwEbeRWgbNEkqO",
  first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

describe("the client's side", () => {
  test("has the exchange of RFC 7677, by either cryptography, base64 padding and all (platformatic #261)", async () => {
    for (const digest of [syncDigest, webDigest]) {
      const salted = (salt: Uint8Array, iterations: number) =>
        digest.pbkdf2("SHA-256", bytes("pencil"), salt, iterations);
      const session = scramClient({ hash: "SHA-256", digest, username: "user", nonce: RFC.nonce, salted });
      assert.deepEqual(await converse(session, [RFC.first, RFC.final]), [
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      ]);
    }
  });

  test("escapes what would end a name, and leaves the rest as it is", async () => {
    const { value } = await client("a=b,c=2Cü", "p", "n").next();
    assert.equal(text(value as Uint8Array), "n,,n=a=3Db=2Cc=3D2Cü,r=n");
  });

  const refused = async (answers: readonly string[], message: RegExp): Promise<void> => {
    const session = client("user", "pencil", RFC.nonce);
    await assert.rejects(converse(session, answers), (error: Error) => {
      assert.ok(error instanceof ScramError, String(error));
      assert.match(error.message, message);
      return true;
    });
  };

  test("wants its nonce continued", async () => {
    await refused([RFC.first.replace("r=rOpr", "r=xOpr")], /nonce/);
    await refused([`r=${RFC.nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`], /nonce/);
    await refused(["s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"], /nonce/);
  });

  test("wants from 4096 to a million iterations", async () => {
    for (const count of ["0", "1", "4095", "1000001", "99999999999", "-5", "4096.5", "0x1000", "", "abc"]) {
      await refused([RFC.first.replace("i=4096", `i=${count}`)], /iterations/);
    }
    await refused([RFC.first.replace(",i=4096", "")], /iterations/);
  });

  test("wants a salt, in base64", async () => {
    await refused([RFC.first.replace("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s=")], /salt/);
    await refused([RFC.first.replace("s=W22ZaJ0SNY7soEsUEjb6gQ==", "s=%%")], /salt/);
  });

  test("refuses extensions that it must know (RFC 5802, section 5.1)", async () => {
    await refused([`m=x,${RFC.first}`], /extension/);
  });

  test("checks the server's signature: a server that only lets everyone in is not the server", async () => {
    await refused([RFC.first, "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="], /signature/);
    await refused([RFC.first, "v="], /signature/);
    await refused([RFC.first, `v=${btoa("x".repeat(33))}`], /signature/);
    await refused([RFC.first, ""], /attributes/);
    await refused([RFC.first, "x=y"], /signature/);
  });

  test("tells what the server says is wrong", async () => {
    await refused(["e=unknown-user"], /unknown-user/);
    await refused([RFC.first, "e=invalid-proof"], /invalid-proof/);
  });

  test("throws nothing but a ScramError at any answer", async () => {
    const part = fc.oneof(
      fc.string(),
      fc.constantFrom("r=", `r=${RFC.nonce}x`, "s=QQ==", "i=4096", "v=QQ==", "=", "m=", ","),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), fc.uint8Array(), async (parts, raw) => {
        for (const answer of [bytes(parts.join(",")), raw]) {
          const session = client("user", "pencil", RFC.nonce);
          await session.next();
          await session.next(answer).catch((error: unknown) => assert.ok(error instanceof ScramError, String(error)));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("both sides", () => {
  const NAMES = fc.string({ unit: "binary", minLength: 1, maxLength: 20 }).filter((name) => name.isWellFormed());

  /** Whether the server lets the client in, and the client the server. */
  async function meet(hash: ScramHash, username: string, password: string, stored: string): Promise<string> {
    const credential = await scramCredential(hash, syncDigest, stored, bytes("salt, and more"), 4096);
    const session = client(username, password, "client", hash);
    const first = await session.next();
    const find = (name: string) => (name === username ? credential : undefined);
    const server = scramServer(
      { hash, digest: syncDigest, nonce: "server", credential: find },
      first.value as Uint8Array,
    );
    const challenge = await server.next();
    const proof = await session.next(challenge.value as Uint8Array);
    const outcome = await server.next(proof.value as Uint8Array);
    assert.ok(outcome.done);
    assert.equal((await session.next(outcome.value.message)).done, true);
    return outcome.value.username;
  }

  test("understand each other, whatever the names and passwords are", async () => {
    await fc.assert(
      fc.asyncProperty(NAMES, NAMES, fc.constantFrom<ScramHash>("SHA-256", "SHA-512"), async (name, password, hash) => {
        assert.equal(await meet(hash, name, password, password), name);
      }),
      { numRuns: 20 },
    );
  });

  test("part at a wrong password", async () => {
    await assert.rejects(meet("SHA-512", "alice", "wrong", "right"), ScramError);
  });

  test("the server refuses proofs that are none, and who acts for another", async () => {
    const credential = await scramCredential("SHA-256", syncDigest, "p", bytes("salt"), 4096);
    const server = (first: string) =>
      scramServer({ hash: "SHA-256", digest: syncDigest, nonce: "s", credential: () => credential }, bytes(first));
    for (const first of ["", "y,,n=a,r=c", "n,a=bob,n=alice,r=c", "n,,n=a=b,r=c", "n,,n=a"]) {
      await assert.rejects(server(first).next(), ScramError, first);
    }
    for (const final of [
      "c=biws,r=cs",
      "c=biws,r=other,p=QQ==",
      "c=eSws,r=cs,p=QQ==",
      "c=biws,r=cs,p=",
      "c=biws,r=cs,p=QQ==",
    ]) {
      const session = server("n,,n=a,r=c");
      await session.next();
      await assert.rejects(session.next(bytes(final)), ScramError, final);
    }
    const nobody = scramServer(
      { hash: "SHA-256", digest: syncDigest, nonce: "s", credential: () => undefined },
      bytes("n,,n=a,r=c"),
    );
    await assert.rejects(nobody.next(), ScramError);
  });
});
