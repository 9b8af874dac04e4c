/** Kafka's error codes by name, for layers that do not see the protocol. */
export { ErrorCode } from "../../protocol/errors.ts";
