#!/usr/bin/env node
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { createOutput, EXIT, failureText, type GlobalOptions, type Output } from './commands/output.ts';
import { keepHeapSmall } from './commands/small-heap.ts';
import { TOOLBOX_PARTS } from './commands/toolbox-parts.ts';
import { version } from './commands/version.ts';
import { REVOCATION_REASONS, SEVERITIES } from './model.ts';
import { parseDuration } from './time.ts';

/** A command's work: its own arguments and options, the global ones, where to write; gives the exit status. */
type Run<O> = (args: readonly string[], options: O & GlobalOptions, output: Output) => Promise<number> | number;

const duration = (text: string): number => {
  const read = parseDuration(text);
  if (!read.ok) throw new InvalidArgumentError(read.reason);
  return read.value;
};

/** An instant for --since: a duration back from now (1d, 2h) or an ISO 8601 time. */
const since = (text: string): number => {
  const back = parseDuration(text);
  if (back.ok) return Date.now() - back.value;
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new InvalidArgumentError(`"${text}" is neither a duration like 2h or 7d nor a time like 2026-11-21T08:00Z`);
  return at;
};

const count = (text: string): number => {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number`);
  return Number(text);
};

const digits = (text: string): number => {
  if (!/^[0-8]$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a number from 0 to 8`);
  return Number(text);
};

const failOn = (): Option =>
  new Option('--fail-on <severity>', 'exit 1 when an alert of this severity or a graver one was found')
    .choices([...SEVERITIES, 'never'])
    .default('high');

/** Runs one command; its module is loaded only now, so that small commands start fast. */
const action =
  <O>(load: () => Promise<{ default: Run<O> }>) =>
  async (...all: unknown[]): Promise<void> => {
    const command = all.at(-1) as Command;
    const options = command.optsWithGlobals<O & GlobalOptions>();
    const output = createOutput(options);
    try {
      const { default: run } = await load();
      process.exitCode = await run(command.processedArgs.flat() as string[], options, output);
    } catch (error) {
      output.warn(failureText(error));
      process.exitCode = EXIT.failed;
    }
  };

function buildProgram(): Command {
  const program = new Command('ringfence')
    .description('Recognises toll fraud and registration hijacking beside an Asterisk PBX and says so in plain words.')
    .version(version)
    .addOption(
      new Option('--config <file>', 'settings (default: /etc/ringfence/ringfence.toml, then ./ringfence.toml)'),
    )
    .addOption(
      new Option('--format <form>', 'text for people, json (one object a line) for scripts; report also html and csv')
        .choices(['text', 'json', 'html', 'csv'])
        .default('text'),
    )
    .option('--quiet', 'say nothing but results and errors', false)
    .addHelpText(
      'after',
      '\nExit status: 0 done, nothing found, yes; 1 alerts found (see --fail-on) or no; 2 it could not do its job.',
    )
    .showSuggestionAfterError()
    .exitOverride()
    .hook('preAction', (all, command) => {
      const { format } = all.opts<{ format: string }>();
      if (command.name() !== 'report' && (format === 'html' || format === 'csv'))
        command.error(`error: --format ${format} is for ringfence report alone; others have text and json`);
    });

  program
    .command('run')
    .description('the daemon: mirrored SIP (HEP), call records and AMI events in, alerts out')
    .option('--for <duration>', 'stop by itself after this time', duration)
    .addOption(
      new Option('--log <level>', 'how much to log on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(
      action(async () => {
        keepHeapSmall();
        return await import('./commands/run.ts');
      }),
    );

  const agent = program
    .command('agent')
    .description('beside a phone, softphone, PBX or trunk: carries its SIP to the crypto gateway (docs/agent.md)');
  agent
    .command('run', { isDefault: true })
    .description('listen for phones, keep the connection to the gateway up')
    .option('--for <duration>', 'stop by itself after this time', duration)
    .addOption(
      new Option('--log <level>', 'how much to log on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(action(() => import('./commands/agent.ts')));
  agent
    .command('enrol <token>')
    .description('a key of this machine and a certificate for it, by the token that ringfence keys enrol has printed')
    .action(action(() => import('./commands/agent-enrol.ts')));
  agent
    .command('doctor')
    .description('test the path to the gateway and behind it, and say where it breaks')
    .action(action(() => import('./commands/agent-doctor.ts')));

  program
    .command('scan')
    .description('judge the call records written since the last scan, once (for cron)')
    .option('--all', 'from the start of the file, and tell again what was told before', false)
    .option('--enforce', 'do what is decided, at once and whatever mode says; without it only say so', false)
    .addOption(failOn())
    .action(action(() => import('./commands/scan.ts')));

  program
    .command('replay <file...>')
    .description(
      'judge recordings on their own clock: .pcap .pcapng .hep .csv (Master.csv) .ami; touches no store and no PBX',
    )
    .option('--explain', 'show each incident in full at the end', false)
    .addOption(failOn())
    .action(action(() => import('./commands/replay.ts')));

  const alerts = program.command('alerts').description('incidents with their evidence');
  alerts
    .command('list', { isDefault: true })
    .description('incidents, youngest first')
    .option('--since <when>', 'a duration back from now (1d) or a time', since)
    .addOption(new Option('--severity <severity>', 'this severity or graver').choices([...SEVERITIES]))
    .option('--open', 'only what nobody has acknowledged', false)
    .option('--limit <n>', 'at most so many', count, 50)
    .action(action(() => import('./commands/alerts-list.ts')));
  alerts
    .command('show <id>')
    .description('one incident explained: what was seen, which rule, which threshold, what was done, how to undo it')
    .action(action(() => import('./commands/alerts-show.ts')));
  alerts
    .command('ack <id...>')
    .description('somebody has seen it')
    .option('--by <name>', 'who (default: the user)')
    .option('--note <text>', 'what to remember')
    .action(action(() => import('./commands/alerts-ack.ts')));
  alerts
    .command('export')
    .description('alert lines as JSON, oldest first')
    .option('--since <when>', 'a duration back from now (1d) or a time', since)
    .action(action(() => import('./commands/alerts-export.ts')));

  program
    .command('block <kind> <value>')
    .description('block by hand: an account, its calls abroad (international), a number or its beginning, an address')
    .option('--for <duration>', 'how long, 30 days at the most (default: 24h)', duration)
    .option('--registrations', 'of an account: refuse its REGISTERs too, and emergency calls (maintenance mode)', false)
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/block.ts')));
  program
    .command('unblock [id-or-kind] [value]')
    .description('take back: by the ID of a block or of an incident, by KIND and VALUE, or --all')
    .option('--all', 'everything that refuses a call, also with the daemon or the store gone', false)
    .option('--why <text>', 'the reason')
    .action(action(() => import('./commands/unblock.ts')));
  program
    .command('blocks')
    .description('what stands at the PBX, since when, why, and what could not be put up')
    .option('--kind <kind>', 'only this kind')
    .option('--expire', 'take away what has ended and cannot end by itself (for a timer)', false)
    .action(action(() => import('./commands/blocks.ts')));
  program
    .command('allow <account>')
    .description('"my boss travels": no rule blocks this account or hangs up its calls for a while')
    .requiredOption('--for <duration>', 'how long, 30 days at the most', duration)
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/allow.ts')));

  program
    .command('rotate <account>')
    .description("a new SIP password in place of a stolen one, shown once; the account's own phone needs it too")
    .option('--for <duration>', 'then the old one is good again (default: when it is undone)', duration)
    .option('--undo', 'the old password is good again', false)
    .option('--show', 'what a rule gave it, once', false)
    .option('--to <file>', 'write the password into this new file, for its owner alone, and print it nowhere')
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/rotate.ts')));

  const respond = program.command('respond').description('what is done about what');
  respond
    .command('test [incident]')
    .description(
      'the rules as they stand; with an incident, or evidence, what would be done about it, by which rule, and who is spared',
    )
    .option('--evidence <file>', 'evidence as JSON: of alerts show --format json, or an alert line')
    .option('--detector <name>', 'evidence made up: what saw it')
    .addOption(new Option('--severity <severity>', 'how grave it is (default: high)').choices([...SEVERITIES]))
    .option('--account <account...>', 'whom it is about, or who is involved')
    .option('--address <address...>', 'where it came from')
    .option('--number <number...>', 'which numbers were called')
    .addOption(
      new Option('--proof <proof>', 'what proves the address')
        .choices(['none', 'answered', 'authenticated'])
        .default('authenticated'),
    )
    .option('--at <when>', 'when: a duration back from now (10h) or a time (default: now)', since)
    .option('--enforce', 'as if mode were "enforce"', false)
    .action(action(() => import('./commands/respond-test.ts')));

  const detectors = program
    .command('detectors [name]')
    .description('every detector, its parameters and defaults')
    .action(action(() => import('./commands/detectors.ts')));
  detectors
    .command('baseline [account]')
    .description('what is usual for an account, a group or the site by hour of the week, as a picture')
    .option('--site', 'of the whole site', false)
    .option('--group <name>', 'of a group of [groups]')
    .addOption(
      new Option('--measure <measure>', 'what the picture shows')
        .choices(['calls', 'chargeable', 'minutes', 'spend', 'inbound'])
        .default('calls'),
    )
    .action(action(() => import('./commands/detectors-baseline.ts')));

  const audit = program
    .command('audit')
    .description('weak passwords, risky settings of the PBX; who or what decided what');
  audit
    .command('config')
    .description('settings of the PBX that open it to fraud, each with the line that mends it; changes nothing')
    .option('--etc <dir>', "where Asterisk's configuration lies (default: /etc/asterisk)")
    .option('--asterisk <command>', "how Asterisk's console is called", 'asterisk')
    .action(action(() => import('./commands/audit-config.ts')));
  audit
    .command('verify [file]')
    .description(
      'is the trail unbroken? Of the store, or of an exported file (- is stdin); 0 yes, 1 no and where, 2 cannot tell',
    )
    .option('--head <seq:hash>', 'a head noted earlier: what was cut off since is found too')
    .option('--remember <file>', 'compare with the head in this file, and note the new one there')
    .option('--key <file...>', 'public keys or certificates (PEM) that sealed it')
    .action(action(() => import('./commands/audit-verify.ts')));
  audit
    .command('export')
    .description('the records, oldest first; json: one object a line, which audit verify takes')
    .option('--since <when>', 'a duration back from now (1d) or a time', since)
    .action(action(() => import('./commands/audit-export.ts')));
  audit
    .command('passwords [file...]')
    .description(
      'whose SIP password falls to a dictionary, from accepted digest answers: recordings, or what the daemon kept',
    )
    .option('--seconds <n>', 'how long it may take', count, 600)
    .option('--rate <n>', 'candidates a second at the most', count, 100_000)
    .option('--wordlist <file>', 'a word a line, tried as they stand')
    .option('--pin-digits <n>', 'every number of up to so many digits is tried (default: [audit] pin_digits)', digits)
    .action(action(() => import('./commands/audit-passwords.ts')));

  const keys = program
    .command('keys')
    .description(
      "the site's own CA, the keys of accounts and of the gateway, and their copies at the PBX (docs/keys.md)",
    );
  const handOut = (command: Command): Command =>
    command
      .option('--csr <file>', 'certify the key of this request (PEM or DER; - is stdin) in place of a new one')
      .option('--out <file>', 'where it goes (default: ACCOUNT.p12 here; with --csr stdout)')
      .addOption(
        new Option('--form <form>', 'PKCS#12, or PEM with the key encrypted').choices(['p12', 'pem']).default('p12'),
      );
  const passphraseFile = (command: Command): Command =>
    command.option('--passphrase-file <file>', 'where the passphrase stands (default: asked for)');
  keys
    .command('init')
    .description("make the master key, the CA and the gateway's keys; what is there already stays")
    .action(action(() => import('./commands/keys-init.ts')));
  handOut(
    keys.command('issue <account>').description('its first key and certificate, under a password that is shown once'),
  ).action(action(() => import('./commands/keys-issue.ts')));
  keys
    .command('enrol <account>')
    .description('a token by which its agent gets a certificate for a key of its own: once, within the hour')
    .option('--cancel', 'take back a token that was not used', false)
    .action(action(() => import('./commands/keys-enrol.ts')));
  handOut(keys.command('rotate [account]').description('a new key; the old one stays good for [crypto] overlap'))
    .option('--ca', "the CA's", false)
    .option('--gateway', "the gateway's", false)
    .option('--gateway-tls', "the gateway's for TLS", false)
    .action(action(() => import('./commands/keys-rotate.ts')));
  keys
    .command('revoke <account-or-kid>')
    .description('good no more, from now on: all keys of an account, or the one of this kid')
    .addOption(new Option('--reason <reason>', 'why').choices(Object.keys(REVOCATION_REASONS)).default('unspecified'))
    .action(action(() => import('./commands/keys-revoke.ts')));
  keys
    .command('list')
    .description('whose keys are good, and until when; --pushed: what the store knows beside what the PBX holds')
    .option('--all', 'also what was revoked or has expired', false)
    .option('--pushed', 'compare with the PBX: public keys, revocations, changed passwords, refused addresses', false)
    .option('--mend', 'with --pushed: first make the PBX hold what the store says', false)
    .action(action(() => import('./commands/keys-list.ts')));
  keys
    .command('push [accounts...]')
    .description("the PBX holds the store's public keys, certificates and revocations, read back byte for byte")
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/keys-push.ts')));
  keys
    .command('media <account> [encryption]')
    .description(
      'how media of an endpoint is encrypted, from its next call on: sdes, dtls or no; where [respond] media_encryption lets it',
    )
    .option('--undo', 'as pjsip.conf says again', false)
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/keys-media.ts')));
  keys
    .command('tls-reload')
    .description("after the files of PJSIP's TLS certificate were replaced: Asterisk reads them, a handshake proves it")
    .option('--why <text>', 'the reason, kept with it')
    .action(action(() => import('./commands/keys-tls-reload.ts')));
  keys
    .command('show <account-or-kid>')
    .description('each certificate of an account, of a kid, of gateway or gateway-tls')
    .action(action(() => import('./commands/keys-show.ts')));
  keys
    .command('export <what>')
    .description('good certificates of an account, a kid, ca, gateway or gateway-tls; or crl, a fresh revocation list')
    .addOption(
      new Option('--form <form>', 'pem or der: certificates; spki: public keys, PEM; p12: with the private key')
        .choices(['pem', 'der', 'spki', 'p12'])
        .default('pem'),
    )
    .option('--out <file>', 'where it goes (default: stdout)')
    .action(action(() => import('./commands/keys-export.ts')));
  passphraseFile(
    keys
      .command('import <file>')
      .description("a public CA's certificate with its key (PKCS#12) as the gateway's for TLS"),
  ).action(action(() => import('./commands/keys-import.ts')));
  passphraseFile(
    keys
      .command('backup <file>')
      .description('master key, CA and all that was issued, under a passphrase: the first thing to do'),
  ).action(action(() => import('./commands/keys-backup.ts')));
  passphraseFile(keys.command('restore <file>').description('put back what keys backup has saved'))
    .option('--check', 'only try whether it can be opened and is whole', false)
    .option('--force', 'in place of keys that are here; they are kept beside it', false)
    .action(action(() => import('./commands/keys-restore.ts')));

  const privacy = program
    .command('privacy')
    .description('what is kept about a person, and taking it away (docs/privacy.md)');
  const also = (): Option =>
    new Option('--also <name...>', 'further names of the same person: direct number, user name');
  privacy
    .command('export <account>')
    .description('everything in the store that tells of an account; json has a row a line')
    .addOption(also())
    .action(action(() => import('./commands/privacy-export.ts')));
  privacy
    .command('delete <account>')
    .description('takes it away for good; refused while the daemon runs')
    .addOption(also())
    .option('--yes', 'it cannot be undone', false)
    .action(action(() => import('./commands/privacy-delete.ts')));
  privacy
    .command('purge')
    .description('forgets and masks now what the daemon does every six hours')
    .option('--before <when>', 'incidents that have not changed since then (default: [store] keep)', since)
    .action(action(() => import('./commands/privacy-purge.ts')));

  program
    .command('tune [files...]')
    .description(
      "hours, groups, partners and budgets as the site's own call records suggest them; changes nothing unasked",
    )
    .option('--since <when>', 'records since then: a duration back from now (90d) or a time (default: all)', since)
    .option('--write', 'ask for each, and write it into the settings file; the former one is kept beside it', false)
    .option('--yes', 'with --write: do not ask', false)
    .action(action(() => import('./commands/tune.ts')));

  const smime = program
    .command('smime')
    .description('S/MIME on a SIP message or a body, with openssl on the other side');
  const smimeFiles = (command: Command): Command =>
    command
      .option('--in <file>', 'what to work on (default: stdin)')
      .option('--out <file>', 'where the result goes (default: stdout)')
      .addOption(
        new Option('--form <form>', 'sip: a whole SIP message; cms: DER of the body alone')
          .choices(['sip', 'cms'])
          .default('sip'),
      )
      .option('--at <when>', 'judge dates as of then: a duration back from now or a time (default: now)', since)
      .option('--audit <file>', 'append why something was refused; nobody else is told');
  const smimeKey = (command: Command, whose: string): Command =>
    command
      .option('--cert <file>', `certificate ${whose}, PEM; further ones in it are its CAs`)
      .option('--key <file>', 'its private key, PEM')
      .option('--passphrase-file <file>', 'where the passphrase of the key stands');
  const smimeTrust = (command: Command): Command =>
    command
      .option('--ca <file...>', 'CAs to trust, PEM')
      .option(
        '--crl <file...>',
        'their revocation lists, PEM or DER; given one, the signer must be in none and covered by one',
      );
  const smimeSigning = (command: Command): Command =>
    command
      .addOption(
        new Option('--signature <kind>', 'pkcs1 (v1.5) for peers that cannot read PSS')
          .choices(['pss', 'pkcs1'])
          .default('pss'),
      )
      .addOption(
        new Option('--transfer <kind>', 'how CMS travels in a SIP message')
          .choices(['binary', 'base64'])
          .default('binary'),
      );
  smimeSigning(
    smimeKey(
      smimeFiles(smime.command('sign').description('sign a body and the headers that go with it')),
      'of the signer',
    ),
  )
    .option('--detached', 'leave what is signed readable: multipart/signed, or CMS without the content', false)
    .option('--receipt-to <uri>', 'ask for a signed receipt')
    .action(action(() => import('./commands/smime-sign.ts')));
  smimeSigning(
    smimeTrust(
      smimeKey(smimeFiles(smime.command('encrypt').description('encrypt a body; with --cert and --key sign it first')), 'of the signer'), // prettier-ignore
    ),
  )
    .requiredOption('--to <cert...>', 'certificates of those who may read it, PEM')
    .addOption(
      new Option('--cipher <name>', 'CBC only around a signature')
        .choices(['aes-256-gcm', 'aes-256-cbc', 'aes-128-cbc'])
        .default('aes-256-gcm'),
    )
    .action(action(() => import('./commands/smime-encrypt.ts')));
  smimeTrust(
    smimeKey(
      smimeFiles(smime.command('verify').description('who has signed it? Gives what was signed')),
      'that may open it',
    ),
  )
    .option('--content <file>', 'with --form cms: what a detached signature is over')
    .option(
      '--bare',
      'take a signed body without signed headers: its signer is proved, To, Call-ID and Date are not',
      false,
    )
    .option('--receipt <file>', 'where a signed receipt goes, by --cert and --key, if the sender has asked for one')
    .action(action(() => import('./commands/smime-verify.ts')));
  smimeTrust(
    smimeFiles(
      smime.command('receipt').description('whose signed receipt is this, and is it for the message that was signed?'),
    ),
  )
    .requiredOption('--of <file>', 'the message as it was signed, with its request for a receipt')
    .action(action(() => import('./commands/smime-receipt.ts')));
  smimeTrust(
    smimeKey(smimeFiles(smime.command('decrypt').description('take the encryption off; with --ca the signature inside must hold')), 'that may open it'), // prettier-ignore
  ).action(action(() => import('./commands/smime-decrypt.ts')));

  program
    .command('number [number...]')
    .description('what a dialled number is to this site; reads stdin when none is given')
    .action(action(() => import('./commands/number.ts')));

  const toolbox = program
    .command('toolbox')
    .description(
      'the security toolbox: templates that say which protections a kind of SIP message gets, and their tools',
    );
  toolbox
    .command('list', { isDefault: true })
    .addArgument(program.createArgument('[part]', 'which').choices(TOOLBOX_PARTS).default('templates'))
    .description('what stands in one of its databases')
    .action(action(() => import('./commands/toolbox-list.ts')));
  toolbox
    .command('show <name>')
    .description(
      'a template as JSON, to be changed and put into the folder of [toolbox] templates; or a tool and its parameters',
    )
    .option('--versions', 'every version of a template that ever held, newest first', false)
    .action(action(() => import('./commands/toolbox-show.ts')));
  toolbox
    .command('check [templates...]')
    .description('are templates right, by name or file (default: all)? Says everything that is not')
    .addHelpText('after', '\nExit status: 0 they are; 1 they are not; 2 it could not be told.')
    .action(action(() => import('./commands/toolbox-check.ts')));
  toolbox
    .command('run <template> [file]')
    .description(
      'run a template (a name, a file, or auto: as [toolbox] policies say) over one SIP message from FILE or stdin, and write it as it goes on',
    )
    .option('--source <address[:port]>', 'where it came from')
    .option('--destination <address[:port]>', 'where it went')
    .addOption(
      new Option('--transport <transport>', 'how it came')
        .choices(['udp', 'tcp', 'tls', 'ws', 'wss', 'sctp', 'csc'])
        .default('udp'),
    )
    .addOption(
      new Option('--proof <proof...>', 'what the sender has proved').choices(['csc', 'client-certificate', 'digest']),
    )
    .addOption(new Option('--direction <way>', 'for auto: which way it goes').choices(['in', 'out']).default('in'))
    .option('--at <when>', 'when: a duration back from now (1h) or a time (default: now)', since)
    .option('--ca <file...>', 'CAs to trust, PEM; without one no step can use keys')
    .option('--crl <file...>', 'their revocation lists, PEM or DER')
    .option('--cert <file>', 'certificate of the key with which to sign or decrypt, PEM')
    .option('--key <file>', 'that key, PEM')
    .option('--passphrase-file <file>', 'where the passphrase of the key stands')
    .option('--to <file...>', 'certificates to encrypt to, beside those that were issued here')
    .option('--receipt <file>', 'where a signed receipt goes, if one was asked for')
    .option('--out <file>', 'write it there and not to stdout')
    .option('--why', 'say which tool refused, and why: for people, not for whoever sent it', false)
    .addHelpText(
      'after',
      '\nWhat is accepted is remembered in the store: the same message again is a replay.\n' +
        'Exit status: 0 accepted; 1 refused, or to be challenged (nothing is written); 2 it could not do its job.',
    )
    .action(action(() => import('./commands/toolbox-run.ts')));
  toolbox
    .command('ipsec')
    .description(
      'strongSwan settings (swanctl.conf) for this site: one connection for each peer, certificates on both sides',
    )
    .option('--peer <peer...>', 'NAME=ADDRESS[,NETWORK...][;ID]: with whom (default: the trunks of [network])')
    .option('--local <address>', "the PBX's own address (default: the first of [network] pbx)")
    .option('--id <name>', "what the site's certificate names it by (default: its address)")
    .option('--network <cidr...>', 'networks behind the PBX: a tunnel')
    .option('--certificate <file>', "the site's certificate, a file in /etc/swanctl/x509", 'ringfence.pem')
    .option(
      '--authority <file>',
      'the CA whose certificates are taken, a file in /etc/swanctl/x509ca',
      'ringfence-ca.pem',
    )
    .action(action(() => import('./commands/toolbox-ipsec.ts')));

  program
    .command('gateway')
    .description('the crypto gateway before the PBX, alone: TLS with CSC/1 and plain SIP over TLS outside, SIP inside')
    .option('--for <duration>', 'stop by itself after this time', duration)
    .addOption(
      new Option('--log <level>', 'how much to log').choices(['debug', 'info', 'warn', 'error']).default('info'),
    )
    .action(action(() => import('./commands/gateway.ts')));

  program
    .command('report')
    .description('what was stopped, what was let through, where it went: for people, a mail from cron, a spreadsheet')
    .option('--since <when>', 'a duration back from now (7d) or a time (default: 1d)', since)
    .option('--until <when>', 'the same for its end (default: now)', since)
    .addOption(
      new Option('--last <period>', 'instead: the last whole one by the calendar').choices(['day', 'week', 'month']),
    )
    .addOption(new Option('--language <language>', "instead of the site's").choices(['en', 'de']))
    .option('--out <file>', 'into a file, whole or not at all, for its owner alone')
    .option('--mail', 'to those of [notify.mail], as text and HTML', false)
    .action(action(() => import('./commands/report.ts')));

  program
    .command('init')
    .description("first set-up beside a PBX: looks, tells what it found, writes ringfence's own files")
    .option('--asterisk-etc <dir>', "where Asterisk's configuration lies (default: /etc/asterisk)")
    .option('--kamailio <file>', "Kamailio's configuration (default: /etc/kamailio/kamailio.cfg, if it is there)")
    .option('--no-kamailio', 'leave Kamailio out')
    .option('--install', 'also put the #include lines into files of yours; the former ones are kept', false)
    .option('--dry-run', 'write nothing, show a unified diff', false)
    .option('--yes', 'do not ask', false)
    .action(action(() => import('./commands/init.ts')));

  program
    .command('doctor')
    .description(
      'is each feed alive, each push possible? Says what is missing and the line that mends it; changes nothing',
    )
    .option('--asterisk-etc <dir>', "where Asterisk's configuration lies (default: /etc/asterisk)")
    .option('--kamailio <file>', "Kamailio's configuration (default: /etc/kamailio/kamailio.cfg, if it is there)")
    .option('--asterisk <command>', "how Asterisk's console is called", 'asterisk')
    .action(action(() => import('./commands/doctor.ts')));

  program
    .command('uninstall')
    .description('takes all of ringfence out of Asterisk, Kamailio and their files; says what a person has to do')
    .option('--asterisk-etc <dir>', "where Asterisk's configuration lies (default: /etc/asterisk)")
    .option('--kamailio <file>', "Kamailio's configuration (default: /etc/kamailio/kamailio.cfg, if it is there)")
    .option('--leave-pbx', 'only the files: Asterisk and Kamailio are gone or cannot be reached', false)
    .option('--purge', 'delete the store, the settings and the secrets too', false)
    .option('--yes', 'do not ask', false)
    .action(action(() => import('./commands/uninstall.ts')));

  const notify = program.command('notify').description('who is told, and how');
  notify
    .command('test [channel]')
    .description('tells through each channel of [notify], or one, that this is a test, and says what became of it')
    .action(action(() => import('./commands/notify-test.ts')));

  const console = program.command('console').description('the web page of the daemon (docs/console.md)');
  console
    .command('user')
    .addArgument(program.createArgument('[verb]', 'what').choices(['add', 'remove', 'list']).default('list'))
    .argument('[name]')
    .description('who may log in; the password is typed, or comes from a file or as a line of stdin')
    .addOption(
      new Option('--role <role>', 'read: look; act: also acknowledge, block, undo')
        .choices(['read', 'act'])
        .default('read'),
    )
    .option('--password-file <file>', 'file with the password')
    .option('--replace', 'another password and role for one who is there', false)
    .action(action(() => import('./commands/console-user.ts')));

  const config = program.command('config').description('settings');
  config
    .command('check [file]')
    .description('are the settings right? Says everything that is not')
    .action(action(() => import('./commands/config-check.ts')));
  config
    .command('print')
    .description('the settings as they stand, with every default and its meaning')
    .action(action(() => import('./commands/config-print.ts')));

  program
    .command('generate')
    .description('completion for a shell (bash, zsh, fish), or the manual page (man), on standard output')
    .addArgument(new Argument('<what>').choices(['bash', 'zsh', 'fish', 'man']))
    .action(
      action(async () => {
        const { default: generate } = await import('./commands/generate.ts');
        return { default: (args, _options, output) => generate(program, args, output) };
      }),
    );
  return program;
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has said it; help and version are no failure
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.failed;
}
