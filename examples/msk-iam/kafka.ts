import process from "node:process";
import { Kafka } from "ottla/kafka";
import { mskToken } from "./msk-token.ts";

// AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. With the AWS SDK at hand, give its
// fromNodeProviderChain() instead: it knows roles of instances, pods and functions too.
const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`set the environment variable ${name}`);
  return value;
};
const token = mskToken(variable("AWS_REGION"), () => ({
  accessKeyId: variable("AWS_ACCESS_KEY_ID"),
  secretAccessKey: variable("AWS_SECRET_ACCESS_KEY"),
  sessionToken: process.env.AWS_SESSION_TOKEN,
}));

// MSK's listener for IAM is on port 9098 and speaks TLS with Amazon's public certificates.
const kafka = new Kafka({
  brokers: variable("KAFKA_BROKERS").split(","),
  tls: true,
  sasl: { mechanism: "oauthbearer", token },
});
for (const { name, partitions } of await kafka.admin().listTopics()) console.log(name, partitions);
await kafka.close();
