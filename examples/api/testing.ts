import { testApp } from "ottla/testing";
import { app } from "./app.ts";
import { updateUser } from "./jobs/users.ts";

const t = await testApp(app, { seed: 42 });
await updateUser.performLater({ userId: 1, attributes: {} });
t.assertEnqueued(updateUser, { userId: 1 });
const later = await updateUser.set({ wait: "5m" }).performLater({ userId: 1, attributes: {} });
console.log(later.state);
await t.drain();
await t.advance("5m");
t.assertPerformedInOrder(updateUser, (job) => job.payload.userId);
console.log(`${t.performed(updateUser).length} performed by ${t.now.toISOString()}`);
await t.close();
