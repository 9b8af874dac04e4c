import type { Producer } from "../client/producer.ts";
import type { ProducerOptions } from "../client/producer-options.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { type ProducerSettings, resolveProducerSettings } from "./producer-settings.ts";

/** A producer of the app. It connects at its first use. */
export interface AppProducer {
  /** A variant: it has other settings, and shares connections and metadata. Make each once; they live as long as the app. */
  with(settings: ProducerSettings): AppProducer;
  /** Sends a record that is no job. */
  send(record: ProducerRecord): Promise<RecordMetadata>;
  /** Sends records that are no jobs, with one result for each, in order. */
  sendMany(records: readonly ProducerRecord[]): Promise<RecordMetadata[]>;
}

/** Where a lazy producer finds its client once it is needed. */
export interface ProducerSource {
  clientProducer(producer: LazyProducer): Producer;
}

/** Settings that wait for a client. */
export class LazyProducer implements AppProducer {
  readonly source: ProducerSource;
  /** All of them: a variant's include those it was made from. */
  readonly settings: ProducerOptions;

  constructor(source: ProducerSource, settings: ProducerOptions) {
    this.source = source;
    this.settings = settings;
  }

  with(settings: ProducerSettings): LazyProducer {
    return new LazyProducer(this.source, { ...this.settings, ...resolveProducerSettings(settings, "producer.with") });
  }

  async send(record: ProducerRecord): Promise<RecordMetadata> {
    return this.source.clientProducer(this).send(record);
  }

  async sendMany(records: readonly ProducerRecord[]): Promise<RecordMetadata[]> {
    return this.source.clientProducer(this).sendMany(records);
  }
}
