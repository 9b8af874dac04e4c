const NUMBERED = /\/(\d\d)-([a-z0-9-]+)\.ts$/;

/** What is wrong with the number of a message file, given what it exports. A file with a number is one API's. */
export function misnumberedApi(path: string, exported: Readonly<Record<string, unknown>>): string[] {
  const apis = Object.entries(exported).filter(([, value]) => isApi(value)) as [string, { key: number }][];
  const [, number, name] = NUMBERED.exec(path) ?? [];
  if (number === undefined)
    return apis.map(([api]) => `${path}: ${api} is an API, so its key belongs in the file's name`);
  const own = apis.find(([api]) => api === camelCase(name!));
  if (own === undefined || apis.length > 1)
    return [`${path} exports ${apis.map(([api]) => api)}: it should be ${camelCase(name!)} alone`];
  return own[1].key === Number(number) ? [] : [`${path} holds API ${own[1].key}`];
}

/** The handlers of the in-process broker that have no message file of their name. */
export function strayHandlers(handlers: readonly string[], messages: readonly string[]): string[] {
  const names = new Set(messages.map((path) => path.split("/").at(-1)));
  return handlers
    .filter((path) => NUMBERED.test(path) && !names.has(path.split("/").at(-1)))
    .map((path) => `${path} has no file of its name in protocol/messages`);
}

function isApi(value: unknown): boolean {
  return typeof value === "object" && value !== null && "key" in value && "request" in value && "response" in value;
}

function camelCase(kebab: string): string {
  return kebab.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
