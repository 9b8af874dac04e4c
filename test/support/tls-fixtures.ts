import { readFileSync } from "node:fs";
import type { ListenTlsOptions, TlsOptions } from "../../src/net/transport.ts";

type CertificateName = "client" | "expired" | "other-host" | "server" | "stranger";

/** PEM of test/fixtures/tls. */
export function pemOf(name: string): string {
  return readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), "utf8");
}

/** A certificate with its key. */
export function certificate(name: CertificateName): { readonly cert: string; readonly key: string } {
  return { cert: pemOf(name), key: pemOf(`${name}.test-only-key`) };
}

export function serverTls(name: CertificateName = "server", more: Partial<ListenTlsOptions> = {}): ListenTlsOptions {
  return { ...certificate(name), ...more };
}

/** A server that lets in only clients with a certificate of the authority of these fixtures. */
export function mutualTls(): ListenTlsOptions {
  return serverTls("server", { ca: pemOf("ca"), requestCert: true });
}

/** A client that trusts the authority of these fixtures. */
export function clientTls(more: Partial<TlsOptions> = {}): TlsOptions {
  return { ca: pemOf("ca"), ...more };
}
