import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Settings } from '../../config.ts';
import { FOLDER, type AsteriskFound } from './asterisk.ts';
import type { Alteration, Creation, Owner } from './changes.ts';
import { handLines } from './by-hand.ts';
import { linesOf } from './diff.ts';
import { includeEdit, inserted, isSorceryMapped, sorceryEdit, type Edit } from './edits.ts';
import type { KamailioFound } from './kamailio.ts';
import { settingsText, type Answers } from './settings-text.ts';

/** Something that only a person can do, or that `--install` would do. */
export interface HandWork {
  readonly what: string;
  readonly lines: readonly string[];
}

export interface Plan {
  readonly creations: readonly Creation[];
  /** done with --install only */
  readonly alterations: readonly Alteration[];
  readonly byHand: readonly HandWork[];
  /** commands that make it hold, in order */
  readonly then: readonly string[];
  readonly notes: readonly string[];
}

export interface PlanInput {
  readonly asterisk: AsteriskFound | null;
  readonly kamailio: KamailioFound | null;
  readonly settingsFile: string;
  /** settings that stand there already */
  readonly existing: Settings | null;
  readonly answers: Omit<Answers, 'records' | 'ami' | 'hep' | 'kamailio'>;
  /** a file of asterisk-conf/ or kamailio-conf/, as it is shipped */
  readonly shipped: (path: string) => string;
  readonly newSecret: () => string;
  /** what a secret file of ours holds; null: it is not there */
  readonly secretIn: (path: string) => string | null;
  /** group of the service, where there is one */
  readonly group: number | null;
}

const HEP_PORT = 9060;
const LOOPBACK = '127.0.0.1';
const VARIABLES = ['RINGFENCE_SRC', 'RINGFENCE_CALLID'];
const ownerOf = (path: string): Owner | null => statSync(path, { throwIfNoEntry: false }) ?? null;

/** Decides what to write where. Reads files, writes none. */
export class Planner {
  readonly #input: PlanInput;
  readonly #creations: Creation[] = [];
  readonly #alterations: Alteration[] = [];
  readonly #byHand: HandWork[] = [];
  readonly #then: string[] = [];
  readonly #notes: string[] = [];

  constructor(input: PlanInput) {
    this.#input = input;
  }

  plan(): Plan {
    const { asterisk, kamailio, group } = this.#input;
    if (group === null)
      this.#notes.push(
        `there is no user ringfence yet: useradd --system --home-dir /var/lib/ringfence --shell /usr/sbin/nologin --groups asterisk ringfence; then chgrp ringfence ${this.#input.settingsFile} and the secrets beside it`,
      );
    const ami = asterisk === null ? null : this.#manager(asterisk);
    const hep = this.#mirror();
    if (asterisk !== null) {
      this.#guard(asterisk);
      this.#sorcery(asterisk);
      this.#records(asterisk);
      this.#telephone(asterisk);
    }
    if (kamailio !== null) this.#kamailio(kamailio);
    this.#settings(ami, hep);
    return {
      creations: this.#creations,
      alterations: this.#alterations,
      byHand: this.#byHand,
      then: [...new Set(this.#then)],
      notes: this.#notes,
    };
  }

  get #folder(): string {
    return dirname(this.#input.settingsFile);
  }

  /** A secret of ours: the one that is there, or a new one in a file for the service alone. */
  #secret(file: string, what: string, known: string | null = null): { path: string; secret: string } {
    const path = resolve(this.#folder, file);
    const there = this.#input.secretIn(path);
    const secret = there ?? known ?? this.#input.newSecret();
    const { group } = this.#input;
    if (there === null)
      this.#creations.push({
        path,
        text: `${secret}\n`,
        mode: 0o640,
        owner: group === null ? null : { uid: 0, gid: group },
        what,
        secret,
      });
    return { path: file, secret };
  }

  /** A snippet below Asterisk's directory, and its inclusion in a file of people's. */
  #snippet(asterisk: AsteriskFound, name: string, text: string, host: string, secret?: string): void {
    const { etc } = asterisk.directories;
    const argument = `${FOLDER}/${name}`;
    this.#creations.push({
      path: join(etc, argument),
      text,
      mode: 0o640,
      owner: ownerOf(join(etc, host)) ?? ownerOf(etc),
      what: `snippet, for ${host}`,
      ...(secret === undefined ? {} : { secret }),
    });
    const conf = asterisk.conf(host);
    if (conf !== null) this.#edit(host, conf, includeEdit(conf, argument));
    else if (asterisk.freepbx || ['hep.conf', 'sorcery.conf', 'cdr_manager.conf'].includes(host))
      this.#creations.push({
        path: join(etc, host),
        text: `#include "${argument}"\n`,
        mode: 0o640,
        owner: ownerOf(etc),
        what: 'a file that was missing',
      });
    else
      this.#byHand.push({ what: `${join(etc, host)} is not there: make it, with`, lines: [`#include "${argument}"`] });
  }

  #edit(host: string, conf: { path: string; text: string }, edit: Edit): void {
    if (edit.kind === 'refused') {
      const what = `${host} is left alone (${edit.why}): put in by hand`;
      this.#byHand.push({ what, lines: edit.lines });
    } else if (edit.kind === 'insert') {
      // a second inclusion goes behind the first
      const at = this.#alterations.findIndex(({ path }) => path === conf.path);
      const former = this.#alterations[at];
      if (former === undefined)
        this.#alterations.push({ path: conf.path, before: conf.text, after: inserted(conf.text, edit.insertions) });
      else {
        const end = linesOf(former.after).length + 1;
        const after = inserted(former.after, edit.insertions.map(({ lines }) => ({ at: end, lines }))); // prettier-ignore
        this.#alterations[at] = { ...former, after };
      }
    }
  }

  #manager(asterisk: AsteriskFound): Answers['ami'] {
    const { manager, freepbx } = asterisk;
    const host = freepbx ? 'manager_custom.conf' : 'manager.conf';
    const bound = manager === null || /^(?:0\.0\.0\.0|::|\*|)$/.test(manager.address) ? LOOPBACK : manager.address;
    const set = this.#input.existing?.asterisk.ami;
    const { path, secret } = this.#secret(set?.secret_file ?? 'ami.secret', 'secret of the manager account');
    const general = [
      ...(manager?.enabled === true ? [] : ['enabled = yes', `bindaddr = ${LOOPBACK}`]),
      ...(manager?.timestamps === true ? [] : ['timestampevents = yes']),
      ...(VARIABLES.every((name) => manager?.channelVariables.includes(name))
        ? []
        : [`channelvars = ${[...new Set([...(manager?.channelVariables ?? []), ...VARIABLES])].join(',')}`]),
    ];
    const text = this.#input
      .shipped('asterisk-conf/manager_ringfence.conf')
      .replace('secret = CHANGE-ME', `secret = ${secret}`)
      .replace(/^permit = .*$/m, `permit = ${bound}/${bound.includes(':') ? '128' : '255.255.255.255'}`);
    const more = general.length === 0 ? '' : `\n[general](+)\n${general.join('\n')}\n`;
    const taken = manager?.accounts.find(({ name }) => name === 'ringfence');
    if (taken === undefined) {
      this.#snippet(asterisk, 'manager_ringfence.conf', `${text}${more}`, host, secret);
      this.#then.push("asterisk -rx 'manager reload'");
    } else
      this.#notes.push(
        `a manager account [ringfence] stands in ${taken.file}: it is left as it is; its secret belongs into ${resolve(this.#folder, path)}`,
      );
    if (manager?.enabled === true && bound === LOOPBACK && manager.address !== LOOPBACK)
      this.#notes.push(
        'manager.conf listens on every address: bindaddr = 127.0.0.1 keeps strangers from guessing secrets',
      );
    return { host: bound, port: manager?.port ?? 5038, secretFile: path };
  }

  /** Mirrored SIP: by Kamailio where it stands in front, else by Asterisk, if its mirror is not in use. */
  #mirror(): Answers['hep'] {
    const { asterisk, kamailio } = this.#input;
    const listen = `udp:${LOOPBACK}:${HEP_PORT}`;
    if (kamailio !== null) return { listen, allow: unique([LOOPBACK, ...kamailio.addresses]), passwordFile: null };
    if (asterisk === null) return null;
    const { mirror } = asterisk;
    const ours = mirror.address === `${LOOPBACK}:${HEP_PORT}`;
    if (mirror.enabled && !ours) {
      this.#notes.push(
        `hep.conf mirrors SIP to ${mirror.address} already, and it has one destination only: ringfence goes without it (or let that collector pass it on)`,
      );
      return null;
    }
    const known = mirror.enabled ? /^\s*capture_password\s*=\s*([^;\s]+)/m.exec(asterisk.conf('hep.conf')?.text ?? '')?.[1] : undefined; // prettier-ignore
    const file = this.#input.existing?.hep?.password_file ?? 'hep.password';
    const { path, secret } = this.#secret(file, 'key of mirrored SIP', known ?? null);
    if (!mirror.enabled || asterisk.conf('hep.conf')?.text.includes(FOLDER) === true) {
      const text = this.#input
        .shipped('asterisk-conf/hep_ringfence.conf')
        .replace('capture_password = CHANGE-ME', `capture_password = ${secret}`)
        .replace('[general]', mirror.present ? '[general](+)' : '[general]');
      this.#snippet(asterisk, 'hep_ringfence.conf', text, 'hep.conf', secret);
      this.#then.push("asterisk -rx 'module reload res_hep.so'");
    }
    return { listen, allow: [LOOPBACK], passwordFile: path };
  }

  #guard(asterisk: AsteriskFound): void {
    const host = asterisk.freepbx ? 'extensions_custom.conf' : 'extensions.conf';
    const elsewhere =
      asterisk.guard && asterisk.conf(host)?.text.includes(`${FOLDER}/extensions_ringfence.conf`) !== true;
    if (!elsewhere)
      this.#snippet(asterisk, 'extensions_ringfence.conf', this.#input.shipped('asterisk-conf/extensions_ringfence.conf'), host); // prettier-ignore
    this.#then.push("asterisk -rx 'dialplan reload'");
    this.#byHand.push(...handLines(asterisk));
  }

  #sorcery(asterisk: AsteriskFound): void {
    const conf = asterisk.conf('sorcery.conf');
    if (conf !== null && isSorceryMapped(conf) && !conf.text.includes(`${FOLDER}/`)) return;
    const name = 'sorcery_ringfence.conf';
    const restart = "asterisk -rx 'core restart when convenient'   # sorcery.conf is read at start only; ends no call";
    this.#then.push(restart);
    if (conf === null) {
      this.#snippet(asterisk, name, this.#input.shipped(`asterisk-conf/${name}`), 'sorcery.conf');
      return;
    }
    const edit = sorceryEdit(conf, `${FOLDER}/${name}`);
    const included =
      edit.kind === 'insert' && edit.insertions.some(({ lines }) => lines.some((line) => line.includes(name)));
    if (included || conf.text.includes(`${FOLDER}/${name}`))
      this.#snippet(asterisk, name, this.#input.shipped(`asterisk-conf/${name}`), 'sorcery.conf');
    else this.#edit('sorcery.conf', conf, edit);
  }

  #records(asterisk: AsteriskFound): void {
    if (asterisk.records.batch) this.#notes.push('cdr.conf has batch = yes: records come minutes late; batch = no');
    if (asterisk.records.exists) return;
    const name = 'cdr_manager_ringfence.conf';
    const conf = asterisk.conf('cdr_manager.conf');
    const has = (section: string): boolean => conf?.sections.some((one) => one.name === section && !one.file.includes(`/${FOLDER}/`)) ?? false; // prettier-ignore
    let text = this.#input.shipped(`asterisk-conf/${name}`);
    for (const section of ['general', 'mappings'])
      if (has(section)) text = text.replace(`[${section}]`, `[${section}](+)`);
    this.#snippet(asterisk, name, text, 'cdr_manager.conf');
    this.#then.push("asterisk -rx 'module reload cdr_manager.so'");
  }

  /** What the call to the person on duty needs at the PBX: its context, which no caller gets into, and an account that may place it. */
  #telephone(asterisk: AsteriskFound): void {
    const phone = this.#input.existing?.notify.phone;
    if (phone === undefined) {
      this.#notes.push(
        'a telephone can ring at night and say what happened: [notify.phone] (docs/notify.md), then ringfence init --install once more',
      );
      return;
    }
    const dialplan = 'extensions_ringfence_notify.conf';
    this.#snippet(asterisk, dialplan, this.#input.shipped(`asterisk-conf/${dialplan}`), asterisk.freepbx ? 'extensions_custom.conf' : 'extensions.conf'); // prettier-ignore
    const { username, secret_file } = phone;
    if (username === undefined || secret_file === undefined) {
      this.#notes.push(
        '[notify.phone] has no username: calls are placed by the main manager account, which then needs originate in write; better: username = "ringfence-phone" and secret_file = "phone.secret", then ringfence init --install',
      );
      return;
    }
    const { secret } = this.#secret(secret_file, 'secret of the manager account that rings telephones');
    const bound = asterisk.manager?.address ?? LOOPBACK;
    const address = /^(?:0\.0\.0\.0|::|\*|)$/.test(bound) ? LOOPBACK : bound;
    const text = this.#input
      .shipped('asterisk-conf/manager_ringfence_notify.conf')
      .replace('[ringfence-phone]', `[${username}]`)
      .replace('secret = CHANGE-ME', `secret = ${secret}`)
      .replace(/^permit = .*$/m, `permit = ${address}/${address.includes(':') ? '128' : '255.255.255.255'}`);
    this.#snippet(asterisk, 'manager_ringfence_notify.conf', text, asterisk.freepbx ? 'manager_custom.conf' : 'manager.conf', secret); // prettier-ignore
    this.#then.push("asterisk -rx 'manager reload'");
  }

  #kamailio(kamailio: KamailioFound): void {
    const path = join(dirname(kamailio.file), 'ringfence.cfg');
    this.#creations.push({
      path,
      text: this.#input.shipped('kamailio-conf/ringfence.cfg'),
      mode: 0o644,
      owner: ownerOf(kamailio.file),
      what: 'snippet, for kamailio.cfg',
    });
    const { file, included, called, lastModule, route } = kamailio;
    if (!included)
      this.#byHand.push({
        what: `${file}: after the last loadmodule${lastModule === 0 ? '' : ` (line ${lastModule})`}, with the PBX's own address`,
        lines: [
          ...(kamailio.rpc ? ['#!define RINGFENCE_NO_RPC'] : []),
          ...(kamailio.mirrors ? ['#!define RINGFENCE_NO_MIRROR'] : []),
          `#!define RINGFENCE_PBX "^(${(this.#input.answers.pbx[0] ?? LOOPBACK).replaceAll('.', '\\.')})$"`,
          `include_file "${path}"`,
        ],
      });
    if (!called)
      this.#byHand.push({
        what: `${file}: as the first line of request_route${route === 0 ? '' : ` (line ${route})`}`,
        lines: ['route(RINGFENCE);'],
      });
    if (!included || !called) this.#then.push('kamailio -c && systemctl restart kamailio');
  }

  #settings(ami: Answers['ami'], hep: Answers['hep']): void {
    const { asterisk, kamailio, answers, settingsFile, group } = this.#input;
    const records = asterisk?.records;
    const text = settingsText({
      ...answers,
      records: records?.exists === true ? { path: records.path, utc: records.utc } : null,
      ami,
      hep,
      kamailio: kamailio === null ? null : { rpc: 'udp:127.0.0.1:8091', addresses: kamailio.addresses },
    });
    const owner = group === null ? null : { uid: 0, gid: group };
    this.#creations.unshift({ path: settingsFile, text, mode: 0o640, owner, what: 'the settings' });
  }
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
