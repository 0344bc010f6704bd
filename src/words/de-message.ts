import type { MessageWords } from './words.ts';

export const message: MessageWords = {
  labels: {
    site: 'Standort',
    who: 'wer',
    since: 'seit',
    last: 'zuletzt',
    cost: 'Kosten',
    from: 'von',
    incident: 'Vorfall',
  },
  more: 'Die ganze Geschichte, mit allen Zahlen und Schwellen',
  footer: 'ringfence überwacht diese Telefonanlage. Wer was erfährt: [notify] in den Einstellungen.',
  goesOn: (pieces) => `Es geht weiter: bisher ${pieces} Beobachtungen`,
  digest: (count) => `${count} Vorfälle`,
  left: (count) => `und ${count} weitere: ringfence alerts zeigt sie`,
  test: (channel) => `Test von ${channel}: ringfence kann Sie hier erreichen`,
  testBody: 'Jemand hat mit ringfence notify test darum gebeten. Es ist nichts geschehen, und es ist nichts zu tun.',
  stuck: (channel, waiting, since, error) =>
    `${channel} konnte seit ${since} niemandem Bescheid geben: ${waiting === 1 ? '1 Nachricht wartet' : `${waiting} Nachrichten warten`} (${error})`,
  stuckBody:
    'Verloren ist nichts: ringfence versucht es weiter. Sehen Sie nach, was diesem Weg fehlt; ringfence notify test prüft ihn.',
};
