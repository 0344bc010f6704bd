/** Does `user@host` fit `*`, `*@host`, `user@*` or `user@host`? Hosts in any case. */
export function fits(pattern: string, identity: string): boolean {
  if (pattern === '*') return true;
  const at = pattern.lastIndexOf('@');
  const own = identity.lastIndexOf('@');
  const [user, host] = [pattern.slice(0, at), pattern.slice(at + 1).toLowerCase()];
  return (
    (user === '*' || user === identity.slice(0, own)) &&
    (host === '*' || host === identity.slice(own + 1).toLowerCase())
  );
}
