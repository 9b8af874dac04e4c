/** Whether the text has no lone surrogate: UTF-8 writes all of those alike, so different texts would become one. */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
