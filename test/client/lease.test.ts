import assert from "node:assert/strict";
import { test } from "node:test";
import { LEASE_MARGIN, Lease } from "../../src/client/lease.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

const SESSION = 10_000;
const REBALANCE = 60_000;

function start(): { time: VirtualClock; clock: InstanceClock; lease: Lease } {
  const time = new VirtualClock();
  const clock = time.instance();
  return { time, clock, lease: new Lease(clock, SESSION, REBALANCE) };
}

test("S3.5 a lease is not valid before a heartbeat was answered", () => {
  assert.equal(start().lease.isValid, false);
});

test("S3.5 an answered heartbeat gives its send time + session timeout - 1 s", async () => {
  const { time, lease } = start();
  await time.advance(500);
  lease.renew(0);
  await time.advance(SESSION - LEASE_MARGIN - 501);
  assert.equal(lease.isValid, true);
  await time.advance(1);
  assert.equal(lease.isValid, false);
});

test("S3.5 a late answer to an older heartbeat takes nothing back", async () => {
  const { time, lease } = start();
  await time.advance(5_000);
  lease.renew(5_000);
  lease.renew(1_000);
  await time.advance(SESSION - LEASE_MARGIN - 1);
  assert.equal(lease.isValid, true);
});

test("S3.5 answers with REBALANCE_IN_PROGRESS extend it, at most to the last clean heartbeat + rebalance timeout - 1 s", async () => {
  const { time, lease } = start();
  lease.renew(0);
  while (time.elapsed < REBALANCE - 3_000) {
    await time.advance(3_000);
    lease.renewInRebalance(time.elapsed);
    assert.equal(lease.isValid, true, `${time.elapsed}`);
  }
  await time.advance(1_999);
  assert.equal(lease.isValid, true);
  lease.renewInRebalance(time.elapsed);
  await time.advance(1);
  assert.equal(time.elapsed, REBALANCE - LEASE_MARGIN);
  assert.equal(lease.isValid, false);
  lease.renewInRebalance(time.elapsed);
  assert.equal(lease.isValid, false);
});

test("S3.5 in a rebalance without any clean heartbeat before there is no lease", () => {
  const { lease } = start();
  lease.renewInRebalance(0);
  assert.equal(lease.isValid, false);
});

test("S3.5 the end of a membership ends the lease, and what was clean before it counts no more", async () => {
  const { time, lease } = start();
  lease.renew(0);
  lease.end();
  assert.equal(lease.isValid, false);
  await time.advance(10);
  lease.renewInRebalance(10);
  assert.equal(lease.isValid, false);
  lease.renew(10);
  assert.equal(lease.isValid, true);
});

test("S3.5 a machine that slept finds the lease ended, be its monotonic clock moved or not", async () => {
  const { clock, lease } = start();
  lease.renew(0);
  clock.skew(SESSION);
  assert.equal(lease.isValid, false, "the wall clock alone went on");
});

test("S3.5 an answer that waited while the machine slept does not hide the sleep", () => {
  const { clock, lease } = start();
  const wallSentAt = clock.now();
  clock.skew(3_600_000);
  lease.renew(0, wallSentAt);
  assert.equal(lease.isValid, false);
});

test("S3.5 a wall clock that is set does no lasting harm", async () => {
  const { time, clock, lease } = start();
  lease.renew(0, clock.now());
  clock.skew(-3_600_000);
  assert.equal(lease.isValid, true, "set back: the monotonic clock still holds");
  await time.advance(SESSION - LEASE_MARGIN);
  assert.equal(lease.isValid, false);
  clock.skew(7_200_000);
  lease.renew(clock.monotonic(), clock.now());
  assert.equal(lease.isValid, true, "set forward: the next heartbeat counts anew");
});

test("whoever waits for the lease is called once, when it is valid", () => {
  const { lease } = start();
  let woken = 0;
  const wake = (): void => {
    woken += 1;
  };
  lease.onRenewal(wake);
  lease.renewInRebalance(0);
  assert.equal(woken, 0);
  lease.renew(0);
  lease.renew(1);
  assert.equal(woken, 1);
});
