/** Where the app writes what a person may want to read. `fields` say which job, queue or partition it is about. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** One line each on standard error; `debug` is left out. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: (message, fields) => write("info", message, fields),
  warn: (message, fields) => write("warn", message, fields),
  error: (message, fields) => write("error", message, fields),
};

function write(level: string, message: string, fields: LogFields = {}): void {
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${value instanceof Error ? describeError(value) : String(value)}`,
  );
  console.error([`[${level}]`, message, ...rest].join(" "));
}

function describeError(error: Error): string {
  return error.stack ?? `${error.name}: ${error.message}`;
}

/** A logger that adds `fields` to every line. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  return {
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    warn: (message, more) => logger.warn(message, { ...fields, ...more }),
    error: (message, more) => logger.error(message, { ...fields, ...more }),
  };
}
