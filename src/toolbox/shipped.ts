/**
 * The templates that come along. They are plain data, as a file of one's own is (`ringfence toolbox show NAME` prints one as JSON);
 * what they have in common is said once.
 */

interface Kind {
  readonly name: string;
  readonly methods: readonly string[];
  readonly dialog: 'initial' | 'within' | 'any';
  /** does it carry a session description? */
  readonly session: boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'invite', methods: ['INVITE'], dialog: 'initial', session: true },
  { name: 'reinvite', methods: ['INVITE', 'UPDATE'], dialog: 'within', session: true },
  { name: 'message', methods: ['MESSAGE'], dialog: 'any', session: false },
  { name: 'register', methods: ['REGISTER'], dialog: 'any', session: false },
];

interface Step {
  readonly tool: string;
  readonly [parameter: string]: unknown;
}

const TITLES: Readonly<Record<string, string>> = {
  plain: 'by digest and address alone',
  sdes: 'SRTP keys in the description, which must not come in the clear',
  smime: 'signed, and where there is a body encrypted, end to end (S/MIME)',
  ipsec: 'between hosts that speak IPsec',
};

const check: Step = { tool: 'headers.check' };
const replay: Step = { tool: 'anti-replay.check' };
const digest: Step = { tool: 'anti-replay.digest' };
const bind: Step = { tool: 'origin.bind' };
const sdes = ({ session }: Kind): Step[] => (session ? [{ tool: 'anti-replay.sdes' }] : []);
const keysHidden: Step = { tool: 'confidentiality.require', of: 'keys' };
const ipsec: Step = { tool: 'ipsec.require' };
/** A REGISTER has no body to hide, and a registrar may have no certificate: it is signed. */
const isSealed = ({ name }: Kind): boolean => name !== 'register';
const unseal = (kind: Kind): Step[] => (isSealed(kind) ? [{ tool: 'confidentiality.decrypt' }] : []);
const signed: readonly Step[] = [
  { tool: 'non-repudiation.verify' },
  { tool: 'pki.validate' },
  { tool: 'authentication.signer' },
  { tool: 'anti-replay.check', date: 'signed' },
  { tool: 'integrity.headers' },
];
const recorded: Step = { tool: 'non-repudiation.record' };
const sign: Step = { tool: 'integrity.sign' };

/** What a message of each kind goes through, by protection. */
const WAYS: Readonly<Record<'in' | 'out', Readonly<Record<string, (kind: Kind) => readonly Step[]>>>> = {
  in: {
    plain: () => [check, replay, digest, bind],
    sdes: (kind) => [check, keysHidden, replay, ...sdes(kind), digest, bind],
    smime: (kind) => [check, ...unseal(kind), ...signed, ...sdes(kind), digest, bind, recorded],
    ipsec: (kind) => [ipsec, check, replay, ...sdes(kind), digest, bind],
  },
  out: {
    plain: () => [check],
    sdes: (kind) => [check, ...sdes(kind)],
    smime: (kind) =>
      isSealed(kind)
        ? [check, ...sdes(kind), { tool: 'pki.resolve' }, sign, { tool: 'confidentiality.encrypt' }]
        : [check, sign],
    ipsec: (kind) => [ipsec, check, ...sdes(kind)],
  },
};

/** Of what has no session description there is no SDES. */
const ways = ({ session }: Kind): readonly string[] => [session ? 'sdes' : 'plain', 'smime', 'ipsec'];

const template = (kind: Kind, direction: 'in' | 'out', way: string): object => ({
  name: `${kind.name}-${direction}-${way}`,
  summary: `${kind.methods.join(' and ')} ${direction}: ${TITLES[way] ?? ''}`,
  direction,
  methods: kind.methods,
  dialog: kind.dialog,
  body: way !== 'smime' ? [] : isSealed(kind) ? ['enveloped', 'signed'] : ['signed'],
  steps: WAYS[direction][way]?.(kind) ?? [],
});

export const shippedTemplates: readonly unknown[] = KINDS.flatMap((kind) =>
  (['in', 'out'] as const).flatMap((direction) => ways(kind).map((way) => template(kind, direction, way))),
);
