import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes files below a folder. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** The configuration of a small office as its admin has written it; calls leave from one context, behind a 0. */
export const officeFiles = (log: string): Record<string, string> => ({
  'asterisk.conf': `[directories]\nastlogdir => ${log}\nastdbdir => ${log}\n`,
  'pjsip.conf': `[udp]
type = transport
bind = 192.0.2.10:5060
local_net = 10.20.0.0/16
[phone](!)
type = endpoint
context = from-internal
[201](phone)
aors = 201
[201]
type = aor
max_contacts = 1
[202](phone)
aors = 202
[carrier]
type = endpoint
context = from-trunk
aors = carrier
[carrier]
type = aor
contact = sip:198.51.100.7:5060
[carrier]
type = identify
endpoint = carrier
match = 198.51.100.0/28
`,
  'extensions.conf': `[general]
static = yes
[globals]
OUT = carrier
[from-internal]
include => out
exten => _2XX,1,Dial(PJSIP/\${EXTEN},30)
[out]
exten => _0.,1,NoOp(out)
 same => n,Dial(PJSIP/\${EXTEN:1}@\${OUT},60)
exten => _00.,1,Dial(PJSIP/\${EXTEN:1}@carrier,60)
[never-used]
exten => _X.,1,Dial(PJSIP/\${EXTEN}@carrier)
[from-trunk]
exten => _X.,1,Dial(PJSIP/201)
`,
  'manager.conf': '[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = 5039\nchannelvars = MINE\n',
  'cdr.conf': '[general]\nenable = yes\n[csv]\nusegmtime = no\n',
  'hep.conf': '[general]\nenabled = no\ncapture_address = 192.168.1.1:9061\n',
  'sorcery.conf': '[general]\n',
  'indications.conf': '[general]\ncountry = de\n',
});

/** A PBX as FreePBX lays it out: generated files, and *_custom.conf for people. */
export const freepbxFiles = (log: string): Record<string, string> => ({
  'asterisk.conf': `[directories]\nastlogdir => ${log}\nastdbdir => ${log}\n`,
  'pjsip.conf': '#include pjsip.transports.conf\n#include pjsip.endpoint.conf\n#include pjsip.registration.conf\n',
  'pjsip.transports.conf': '[0.0.0.0-udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5060\n',
  'pjsip.endpoint.conf': `[301]
type=endpoint
aors=301
context=from-internal
[provider]
type=endpoint
aors=provider
context=from-pstn
`,
  'pjsip.registration.conf': '[provider]\ntype=registration\nendpoint=provider\nserver_uri=sip:203.0.113.80\n',
  'extensions.conf':
    '#include extensions_override_freepbx.conf\n#include extensions_additional.conf\n#include extensions_custom.conf\n',
  'extensions_override_freepbx.conf': '',
  'extensions_custom.conf': '; mine\n[from-internal-custom]\nexten => 999999,1,NoOp(mine)\n',
  'extensions_additional.conf': `[from-internal]
include => from-internal-custom
exten => _9.,1,Macro(dialout-trunk,1,\${EXTEN:1},)
exten => _3XX,1,Macro(dial-one,\${EXTEN})
[macro-dial-one]
exten => s,1,Dial(\${DSTRING},20)
[macro-dialout-trunk]
exten => s,1,Set(DIAL_NUMBER=\${ARG2})
exten => s,n,Set(OUTNUM=\${DIAL_NUMBER})
exten => s,n,Macro(dialout-trunk-predial-hook)
exten => s,n,Dial(\${OUT_\${DIAL_TRUNK}}/\${OUTNUM},300)
[macro-dialout-trunk-predial-hook]
exten => s,1,MacroExit()
`,
  'manager.conf':
    '[general]\nenabled = yes\nport = 5038\nbindaddr = 127.0.0.1\n[admin]\nsecret = x\n#include manager_additional.conf\n#include manager_custom.conf\n',
  'manager_additional.conf': '',
  'manager_custom.conf': '',
  'cdr.conf': '[general]\nenable = yes\n',
});
