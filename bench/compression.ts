import * as zlib from "node:zlib";
import { type CompressionType, codecIds, compress, decompress } from "ottla/protocol";
import { fastestRate } from "./fastest-rate.ts";

const statuses = ["placed", "paid", "packed", "sent", "delivered", "returned"];

/** Records as a job queue has them: JSON whose names repeat and whose values mostly do not. */
function orders(length: number): Uint8Array {
  let text = "";
  for (let i = 0; text.length < length; i++) {
    const [id, customer] = [(i * 7919) % 100_003, (i * 131) % 5003];
    const status = statuses[(i * 31) % statuses.length];
    text += `{"id":"order-${id}","status":"${status}","customer":{"email":"c${customer}@example.com"},"total":${(id * 37) % 9973}}\n`;
  }
  return new TextEncoder().encode(text.slice(0, length));
}

const hasZstd = (zlib as Partial<typeof zlib>).zstdCompressSync !== undefined;
const types = (Object.keys(codecIds) as CompressionType[]).filter(
  (type) => type !== "none" && (type !== "zstd" || hasZstd),
);

console.log("compression of orders in JSON, MB/s of plain bytes");
console.log("codec      bytes  ratio  compress  decompress");
for (const type of types) {
  for (const size of [1_000, 16_000, 1_000_000]) {
    const plain = orders(size);
    const packed = compress(type, plain);
    const into = fastestRate(size, () => compress(type, plain));
    const back = fastestRate(size, () => decompress(codecIds[type], packed, size));
    const ratio = (size / packed.length).toFixed(1);
    console.log(
      [type.padEnd(8), String(size).padStart(8), ratio.padStart(7), into.toFixed(0).padStart(10)].join("") +
        back.toFixed(0).padStart(12),
    );
  }
}
