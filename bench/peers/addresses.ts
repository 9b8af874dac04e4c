import process from "node:process";

/** What is made in the database for this, and dropped at the end. */
export const SCHEMAS = { graphileWorker: "ottla_bench_graphile", pgBoss: "ottla_bench_pgboss" } as const;

/** Throws where the environment does not say. */
export function redisUrl(): string {
  const url = process.env.REDIS_URL;
  if (!url) throw new Error("REDIS_URL is not set");
  return url;
}

/** From DATABASE_URL, else from what Postgres' own clients read. Throws where the environment does not say. */
export function postgresUrl(): string {
  const { DATABASE_URL, PGHOST, PGPORT = "5432", PGUSER, PGPASSWORD, PGDATABASE } = process.env;
  if (DATABASE_URL) return DATABASE_URL;
  if (!PGHOST) throw new Error("neither DATABASE_URL nor PGHOST is set");
  const url = new URL(`postgres://${PGHOST}:${PGPORT}/${PGDATABASE ?? PGUSER ?? ""}`);
  url.username = PGUSER ?? "";
  url.password = PGPASSWORD ?? "";
  return url.href;
}
