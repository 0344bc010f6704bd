import type { Severity } from '../model.ts';
import type { Message } from './message.ts';
import type { Words } from './words.ts';

/** HTML's own characters, those of attributes too, as references (https://html.spec.whatwg.org/#escapingString). */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"'`]/g, (character) => `&#${character.codePointAt(0) ?? 0};`);

/** On white; the text beside it says the same, for those who see no colours. */
export const COLOURS: Readonly<Record<Severity, string>> = {
  info: '#546e7a',
  low: '#0277bd',
  medium: '#b26a00',
  high: '#c62828',
  critical: '#b71c1c',
};

export const TEXT = 'font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.45;color:#222';
const CODE = 'font-family:Consolas,Menlo,monospace;font-size:13px;background:#f3f3f3;padding:2px 5px';

/**
 * The message as HTML that mail programs show: tables and inline styles, no picture, no link, no script, nothing that is
 * fetched from anywhere.
 */
export function messageHtml(message: Message, words: Words): string {
  const colour = COLOURS[message.severity];
  const facts = message.facts
    .map(
      ([name, value]) =>
        `<tr><td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">${escapeHtml(name)}</td><td style="padding:2px 0">${escapeHtml(value)}</td></tr>`,
    )
    .join('\n');
  const sections = message.sections.map(({ title, items, steps }) => {
    const list = items.map(({ text, command, settings = [] }) => {
      const code = command === undefined ? '' : `<br><code style="${CODE}">${escapeHtml(command)}</code>`;
      const lines = settings.length === 0 ? '' : `<pre style="${CODE}">${escapeHtml(settings.join('\n'))}</pre>`;
      return `<li style="margin:4px 0">${escapeHtml(text)}${code}${lines}</li>`;
    });
    const kind = steps === true ? 'ol' : 'ul';
    const body =
      list.length === 0 ? '' : `<${kind} style="margin:4px 0 12px;padding-left:22px">${list.join('\n')}</${kind}>`;
    return `<h2 style="font-size:16px;margin:18px 0 4px">${escapeHtml(title)}</h2>\n${body}`;
  });
  return `<!DOCTYPE html>
<html lang="${escapeHtml(message.language)}"><head><meta charset="utf-8"><title>${escapeHtml(message.headline)}</title></head>
<body style="margin:0;padding:16px;${TEXT}">
<div style="border-left:6px solid ${colour};padding:4px 12px">
<div style="color:${colour};font-weight:bold">${escapeHtml(words.severity(message.severity).toUpperCase())}</div>
<div style="font-size:18px;font-weight:bold">${escapeHtml(message.headline)}</div>
</div>
<table style="margin:14px 0;border-collapse:collapse;${TEXT}">
${facts}
</table>
${sections.join('\n')}
<p style="color:#777;font-size:12px;border-top:1px solid #ddd;padding-top:8px">${escapeHtml(message.footer)}</p>
</body></html>
`;
}
