import { crc32c } from "ottla/protocol";
import { fastestRate } from "./fastest-rate.ts";

/** The CRC of a batch begins here, so its words are rarely aligned. */
const CRC_START = 21;

const bytes = Uint8Array.from({ length: CRC_START + 1_000_000 }, (_, i) => (i * 7919) >> 3);
console.log("crc32c\n   bytes     MB/s");
for (const size of [100, 250, 1_000, 16_000, 1_000_000]) {
  let sum = 0;
  const rate = fastestRate(size, () => {
    sum ^= crc32c(bytes, CRC_START, CRC_START + size);
  });
  // The sum is used, so that no engine may leave its computation out.
  const unused = sum === 0.5 ? " " : "";
  console.log(`${String(size).padStart(8)} ${rate.toFixed(0).padStart(8)}${unused}`);
}
