import { describe, test } from "node:test";
import { readCorpus } from "./corpus.ts";
import { targets } from "./targets.ts";

describe("inputs that fuzzing has kept", () => {
  for (const target of targets) {
    test(`S8.11 ${target.name} gives a value or a named error for each`, async () => {
      const { inputs, found } = readCorpus(target.name);
      for (const input of [...target.seeds(), ...found, ...inputs]) {
        try {
          await target.run(input);
        } catch (error) {
          const hex = Buffer.from(input).toString("hex");
          throw new Error(`npm run fuzz -- --target ${target.name} --input ${hex}`, { cause: error });
        }
      }
    });
  }
});
