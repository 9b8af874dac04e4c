/** Text that is HTML already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = string | number | Html | readonly HtmlPart[];

/** HTML from a template: whatever is put into it is text, unless it was made by this, too. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
  return new Html(parts.map((part, i) => (i === 0 ? part : textOf(values[i - 1]!) + part)).join(""));
}

function textOf(value: HtmlPart): string {
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(textOf).join("");
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" },
};

/** Also within quotes, and without what no page may hold. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"']/g, (sign) => ENTITIES[sign]!)
    .replace(/[^\t\n\r\u{20}-\u{7e}\u{a0}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}");
}
