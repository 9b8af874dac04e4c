/** Between a program and whoever started it. */
export interface Channel {
  say(what: object): void;
  /** From then on the program ends with the one that started it. */
  onCommand(listener: (command: string) => void): void;
}

export type Program<T> = (params: T, channel: Channel) => Promise<void>;
