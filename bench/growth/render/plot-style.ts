/** Dark enough for light pages, and light enough for dark ones. */
export const COLORS: readonly string[] = ["#2f7fdb", "#d9681d", "#1f9d72", "#9061d4"];

/** A page that shows an SVG as an image does not tell it what it looks like: nothing here depends on that. */
export const STYLE: string =
  "svg{color:#7a818c}text{font:12px system-ui,sans-serif;fill:#7a818c}.head{font-weight:600;font-size:13px}" +
  ".tick{font-size:11px}.grid{stroke:#7a818c;stroke-opacity:.25}.range{stroke-width:1.5;stroke-opacity:.7}";
