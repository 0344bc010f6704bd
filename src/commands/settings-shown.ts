/**
 * Settings as others may see them on a screen. Secrets are files; but the path of a URL may be one too (Slack, healthchecks),
 * though somebody has written it inline: its host is enough to know it by.
 */
export function settingsShown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settingsShown);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, settingsShown(inner)]));
  if (typeof value !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value) || !URL.canParse(value)) return value;
  const { protocol, host, username, password, pathname, search, hash } = new URL(value);
  const bare = username + password + search + hash === '' && (pathname === '/' || pathname === '');
  return bare ? value : `${protocol}//${host}/…`;
}
