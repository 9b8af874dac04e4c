import { type App, createApp, type Job } from "ottla";

/** A queue, and the schedule topic whose entries go there. */
export interface SchedulePlace {
  readonly queue: string;
  readonly schedule: string;
}

export interface Order {
  readonly customer: string;
  readonly amount: number;
}

export interface ScheduleApp {
  readonly app: App;
  readonly job: Job<Order>;
}

export const order = (i: number): Order => ({ customer: `customer-${i % 1_000}`, amount: i });

export function scheduleApp(
  { queue, schedule }: SchedulePlace,
  group: string,
  brokers?: readonly string[],
): ScheduleApp {
  const app = createApp({ kafka: { brokers }, group, scheduledMessagesTopics: [schedule] });
  const job = app.job<Order>({
    name: "order",
    queue,
    scheduledMessagesTopic: schedule,
    partitioner: ({ payload }) => payload.customer,
    perform: () => {},
  });
  return { app, job };
}
