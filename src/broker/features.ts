/** What a cluster can have switched on (KIP-584), by Kafka's names, with the levels from 0 (off) that this broker has. */
const SUPPORTED = {
  /** 1: the consumer protocol of groups (KIP-848). */
  "group.version": { min: 0, max: 1, default: 1 },
  /** 2: each transaction has an epoch of its own (KIP-890). */
  "transaction.version": { min: 0, max: 2, default: 2 },
} as const;

export type FeatureName = keyof typeof SUPPORTED;
/** Levels by name. What is left out has its default. */
export type FeatureLevels = { readonly [Name in FeatureName]?: number | undefined };

export interface Feature {
  readonly name: FeatureName;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** The features of a cluster, and the level that each is finalized at. */
export class Features {
  readonly #levels = new Map<FeatureName, number>();
  #epoch = 1;

  /** `levels` must have passed {@link featureComplaint}. */
  constructor(levels: FeatureLevels) {
    for (const { name } of this.supported) this.#levels.set(name, levels[name] ?? SUPPORTED[name].default);
  }

  get supported(): readonly Feature[] {
    return featureNames.map((name) => {
      return { name, minVersion: SUPPORTED[name].min, maxVersion: SUPPORTED[name].max };
    });
  }
  /** Rises with each change. */
  get epoch(): number {
    return this.#epoch;
  }
  /** Those that are on. */
  get finalized(): readonly { readonly name: FeatureName; readonly level: number }[] {
    return featureNames.map((name) => ({ name, level: this.level(name) })).filter(({ level }) => level > 0);
  }

  /** 0: off. */
  level(name: FeatureName): number {
    return this.#levels.get(name)!;
  }

  /** Switches a feature to a level that has passed {@link featureComplaint}. */
  finalize(name: FeatureName, level: number): void {
    if (this.level(name) === level) return;
    this.#levels.set(name, level);
    this.#epoch += 1;
  }
}

const featureNames = Object.keys(SUPPORTED) as FeatureName[];

/** What is wrong with a feature's level: a sentence, or undefined. */
export function featureComplaint(name: string, level: number): string | undefined {
  const feature = featureNames.find((one) => one === name);
  if (feature === undefined) return `there is no feature ${name}: this broker has ${featureNames.join(", ")}`;
  const { min, max } = SUPPORTED[feature];
  if (Number.isInteger(level) && level >= min && level <= max) return undefined;
  return `${name} is ${level} and has to be a whole number from ${min} to ${max}`;
}
