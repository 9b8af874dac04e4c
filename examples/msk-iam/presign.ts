/** AWS credentials, as any of AWS's own providers gives them. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** A GET request that is signed in its query, to be sent by whoever is given it (AWS Signature Version 4). */
export interface PresignOptions {
  readonly service: string;
  readonly region: string;
  readonly host: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The SHA-256 of the body, in hexadecimal, or UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
  readonly expiresInSeconds: number;
  readonly credentials: AwsCredentials;
  readonly now: Date;
}

/** The request's URL, signed. */
export async function presign(options: PresignOptions): Promise<string> {
  const { service, region, host, path, credentials } = options;
  const time = options.now.toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/${service}/aws4_request`;
  const query = canonicalQuery({
    ...options.query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${credentials.accessKeyId}/${scope}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": String(options.expiresInSeconds),
    "X-Amz-SignedHeaders": "host",
    ...(credentials.sessionToken === undefined ? {} : { "X-Amz-Security-Token": credentials.sessionToken }),
  });
  const request = ["GET", path, query, `host:${host}`, "", "host", options.payloadHash].join("\n");
  const text = ["AWS4-HMAC-SHA256", time, scope, hex(await sha256(request))].join("\n");
  const key = await signingKey(credentials.secretAccessKey, day, region, service);
  return `https://${host}${path}?${query}&X-Amz-Signature=${hex(await hmac(key, text))}`;
}

/** The key for one day, region and service. */
export async function signingKey(
  secret: string,
  day: string,
  region: string,
  service: string,
): Promise<Uint8Array<ArrayBuffer>> {
  let key = encode(`AWS4${secret}`);
  for (const part of [day, region, service, "aws4_request"]) key = await hmac(key, part);
  return key;
}

function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`)
    .sort()
    .join("&");
}

/** RFC 3986: all but letters, digits and four marks. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

export async function sha256(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encode(text)));
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encode(text)));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
