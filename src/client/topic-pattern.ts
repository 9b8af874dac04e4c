/**
 * Whether a name is one that `pattern` stands for: JavaScript's own semantics, looked for anywhere in the name. With the
 * flags g and y a RegExp begins where its last match ended, and so would miss every other name: this begins anew each
 * time, on a copy that nobody else moves.
 */
export function topicPattern({ source, flags }: RegExp): (name: string) => boolean {
  const own = new RegExp(source, flags);
  return (name) => {
    own.lastIndex = 0;
    return own.test(name);
  };
}
