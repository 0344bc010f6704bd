import { visible } from './visible.ts';

/** Why something that was decided was not done, by its code (respond/safeguards.ts, respond/acts.ts, errors.ts). */
const BECAUSE: Readonly<Record<string, string>> = {
  'not-an-address': 'es ist keine IP-Adresse',
  'protected-address':
    'diese Adresse wird nie gesperrt: Sie gehört der Anlage, einem Proxy, einer Leitung oder dem eigenen Netz, oder steht in [network] never_block',
  'shared-address': 'von dieser Adresse sind mehrere Konten angemeldet, eine Sperre träfe sie alle',
  'not-a-number': 'es ist keine Telefonnummer',
  'emergency-number': 'es ist ein Notruf oder könnte einer sein, und der wird nie abgewiesen oder beendet',
  'not-an-account': 'es ist kein Konto der Anlage',
  'unknown-account': 'es ist nicht bekannt, dass die Anlage dieses Konto hat',
  trunk: 'es ist eine Leitung, und ihre Sperre brächte alle zum Schweigen',
  allowed: 'jemand hat das Konto freigegeben (ringfence allow)',
  over: 'die Zeit dafür war schon vorbei',
  'budget-hour': 'Regeln hatten in einer Stunde so viel gesperrt, wie sie dürfen ([respond.limits])',
  'budget-accounts': 'es waren so viele Konten gesperrt, wie Regeln auf einmal sperren dürfen ([respond.limits])',
  'too-late': 'die Anlage war zehn Minuten lang nicht erreichbar',
  'called-off': 'Regeln wurden abgeschaltet, oder alles wurde zurückgenommen, bevor es getan war',
  'unknown-call': 'die Anlage kennt das Gespräch nicht, also kann es nicht beendet werden',
  'unknown-number': 'niemand weiß, was das Gespräch gewählt hat: Es kann ein Notruf sein',
  'no-contact-named':
    'welche der Anmeldungen des Kontos dem Dieb gehört, ist nicht bekannt, und die des Besitzers bleibt',
  unsupported: 'diese Anlage kann das nicht',
  'peer-refused':
    'die Anlage erlaubt es ringfence nicht: vergleichen Sie manager.conf mit asterisk-conf/manager_ringfence.conf',
  'peer-timeout': 'die Anlage hat nicht geantwortet',
  'peer-closed': 'die Verbindung zur Anlage ging verloren',
  'peer-unreachable': 'die Anlage war nicht erreichbar',
  'peer-protocol': 'die Antwort der Anlage war nicht zu verstehen',
};

export const failure = (code: string): string => BECAUSE[code] ?? visible(code, 64);

/** Reasons of the shipped rules (respond/shipped-rules.ts), by their English words. */
const REASONS: Readonly<Record<string, string>> = {
  'every minute of these calls costs money': 'jede Minute dieser Anrufe kostet Geld',
  'no more money is lost abroad': 'damit im Ausland kein Geld mehr verloren geht',
  'nobody is there to see what it dials': 'niemand ist da, der sieht, was es wählt',
  'its calls cost money without going abroad': 'seine Anrufe kosten Geld, ohne ins Ausland zu gehen',
  'the budget for such calls is spent': 'das Budget für solche Anrufe ist aufgebraucht',
  'nobody dials like this': 'so wählt kein Mensch',
  'no account of this PBX can be blocked for these calls':
    'für diese Anrufe kann kein Konto der Anlage gesperrt werden',
  'the registration was taken over from there': 'von dort wurde die Anmeldung übernommen',
  'these calls were placed with a stolen registration': 'diese Anrufe liefen über eine gestohlene Anmeldung',
  'it places calls without ever having registered': 'es telefoniert, ohne sich je angemeldet zu haben',
  'calls in its name come from where it is not registered':
    'Anrufe in seinem Namen kommen von dort, wo es nicht angemeldet ist',
  'the password was guessed from there': 'von dort wurde das Passwort erraten',
  'it guesses passwords': 'es probiert Passwörter aus',
  'it searches the PBX for a way in': 'es sucht einen Weg in die Anlage',
  'calls come in and leave again at our expense': 'Anrufe kommen herein und gehen auf unsere Kosten wieder hinaus',
  'calls from outside are led there at our expense': 'Anrufe von außen werden auf unsere Kosten dorthin geleitet',
  'it rang once to be called back': 'es hat einmal geklingelt, um zurückgerufen zu werden',
  'its messages disturb or deceive the PBX': 'seine Nachrichten stören oder täuschen die Anlage',
};

/** The reason of a decision; what a person wrote in the settings stays as it was written. */
export function reason(why: string): string {
  const end = why.search(/: a call from there would stay up| \(/);
  const head = end < 0 ? why : why.slice(0, end);
  const said = REASONS[head];
  return visible(
    said === undefined ? why : said + why.slice(head.length).replace(': a call from there would stay up', ''),
  );
}
