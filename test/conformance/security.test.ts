import { readFileSync } from "node:fs";
import process from "node:process";
import { type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import { certificate, mutualTls, pemOf, serverTls } from "../support/tls-fixtures.ts";
import { type SecureCluster, type SecureTarget, securityConformance } from "./security.ts";

/** Each listener is a broker of its own. */
function inProcess(sessionLifetime: number | undefined): SecureTarget {
  const sasl = {
    users: { alice: "alice-secret", admin: "admin-secret" },
    // Kafka takes such tokens where it is told to: without a signature.
    token: (text: string) => {
      const { sub, exp } = JSON.parse(atob(text.split(".")[1]!)) as { sub: string; exp: number };
      return exp * 1_000 > Date.now() ? { principal: sub } : undefined;
    },
  };
  return {
    name: sessionLifetime === undefined ? "in process" : "in process, short sessions",
    sessionLifetime,
    async open(t) {
      const start = async (options: BrokerOptions): Promise<string> => {
        const broker = await startBroker({ port: 0, reauthenticate: sessionLifetime, ...options });
        t.after(() => broker.close());
        return broker.address;
      };
      return {
        plain: await start({}),
        sasl: await start({ sasl }),
        mutualTls: await start({ tls: mutualTls() }),
        saslTls: await start({ tls: serverTls(), sasl }),
        ca: pemOf("ca"),
        client: certificate("client"),
      };
    },
  };
}

/** The cluster that the variables of scripts/kafka name, where they name one. KAFKA_SESSION_MS: its connections.max.reauth.ms. */
function fromEnvironment(): SecureTarget[] {
  const { KAFKA_BROKERS, KAFKA_SASL_BROKERS, KAFKA_SSL_BROKERS, KAFKA_SASL_SSL_BROKERS, KAFKA_TLS_DIR } = process.env;
  if (!KAFKA_SASL_BROKERS || !KAFKA_TLS_DIR) return [];
  const first = (list: string | undefined): string => (list ?? "").split(",")[0]!;
  const pem = (name: string): string => readFileSync(`${KAFKA_TLS_DIR}/${name}`, "utf8");
  const cluster: SecureCluster = {
    plain: first(KAFKA_BROKERS),
    sasl: first(KAFKA_SASL_BROKERS),
    mutualTls: first(KAFKA_SSL_BROKERS),
    saslTls: first(KAFKA_SASL_SSL_BROKERS),
    ca: pem("ca.crt"),
    client: { cert: pem("client.crt"), key: pem("client.key") },
  };
  const session = process.env.KAFKA_SESSION_MS;
  const sessionLifetime = session === undefined ? undefined : Number(session);
  return [{ name: `cluster at ${cluster.sasl}`, sessionLifetime, open: () => Promise.resolve(cluster) }];
}

for (const target of [inProcess(undefined), inProcess(1_500), ...fromEnvironment()]) securityConformance(target);
