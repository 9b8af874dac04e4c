import { uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { Attempt } from "./attempt.ts";
import type { PreparedCall } from "./job.ts";
import { keyText } from "./key.ts";
import { performPayload } from "./perform.ts";
import { encodePayload, jsonSerializer, roundTrip } from "./serializer.ts";

/** Runs a job here and now, with the checks of an enqueue and the payload as a worker would read it. */
export async function performNow(app: AppState, { definition, settings, payload }: PreparedCall): Promise<void> {
  const { serializer, logger } = app.settings;
  const { clock } = app.slot;
  const { name, partitioner, partitionKeyType, schema } = definition;
  const queue = settings.queue ?? definition.queue;
  const headers = settings.headers ?? {};
  const id = uuidv7(clock);
  const seen = { id, name, queue, payload, headers };
  const key = partitioner === undefined ? undefined : keyText(name, partitionKeyType, partitioner(seen));
  const encoded = encodePayload(serializer, payload, schema === undefined && serializer === jsonSerializer);
  const fields = {
    ...{ id, name, queue, key, headers },
    ...{ topic: queue, partition: -1, offset: -1, attempt: 1 },
    enqueuedAt: new Date(clock.now()),
  };
  await performPayload(definition, roundTrip(serializer, encoded), fields, logger, new Attempt(-1, clock.monotonic()));
}
