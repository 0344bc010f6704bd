/** Configurations of a PBX for `audit config`: one with everything wrong, one with nothing wrong. */

/** Where it listens and keeps things. */
export interface PbxPlace {
  readonly etc: string;
  readonly database: string;
  readonly host: string;
  readonly sipPort: number;
  /** where the carrier is, a SIP URI */
  readonly carrier: string;
  /** a certificate and its key, PEM files */
  readonly certificate: string;
  readonly key: string;
}

/** What is planted, by rule: where it is found (file, a text of its line), as `audit config` must tell it. */
export const PLANTED: readonly (readonly [rule: string, file: string, line: string])[] = [
  ['guest-allowed', 'sip.conf', 'allowguest = yes'],
  ['names-told', 'sip.conf', 'alwaysauthreject = no'],
  ['insecure-peer', 'sip.conf', 'insecure = port,invite'],
  ['no-authentication', 'sip.conf', '[door]'],
  ['weak-secret', 'sip.conf', 'secret = 2002'],
  ['sdes-clear', 'sip.conf', 'encryption = yes'],
  ['no-authentication', 'iax.conf', 'type = user'],
  ['anonymous-endpoint', 'pjsip_more.conf', '[anonymous]'],
  ['no-authentication', 'pjsip.conf', '[carrier]'],
  ['identify-anybody', 'pjsip.conf', 'match = 0.0.0.0/0'],
  ['identify-by-header', 'pjsip.conf', 'match_header = X-Key: abc'],
  ['weak-secret', 'pjsip.conf', 'password = 1001'],
  ['weak-secret', 'pjsip.conf', 'password = Sommer2026!'],
  ['contacts-unlimited', 'pjsip.conf', 'max_contacts = 100'],
  ['unqualified', 'pjsip.conf', 'max_contacts = 100'],
  ['no-address-limit', 'pjsip.conf', '[1001]'],
  ['transport-clear', 'pjsip.conf', 'bind = 0.0.0.0'],
  ['sdes-clear', 'pjsip.conf', 'media_encryption = sdes'],
  ['dtls-unverified', 'pjsip.conf', 'media_encryption = dtls'],
  ['tls-old', 'pjsip.conf', 'method = tlsv1'],
  ['tls-unverified', 'pjsip.conf', 'method = tlsv1'],
  ['strangers-reach-trunk', 'extensions.conf', 'Dial(PJSIP/${EXTEN:1}@carrier,60)'],
  ['trunk-reaches-trunk', 'extensions.conf', 'Dial(PJSIP/${EXTEN:1}@carrier,60)'],
  ['guard-missing', 'extensions.conf', 'Dial(PJSIP/${EXTEN:1}@carrier,60)'],
  ['no-call-limit', 'extensions.conf', 'Dial(PJSIP/${EXTEN:1}@carrier,60)'],
  ['disa', 'extensions.conf', 'DISA(no-password,out)'],
  ['voicemail-dials-out', 'voicemail.conf', 'dialout = out'],
  ['voicemail-pin', 'voicemail.conf', '1001 => 1001,Reception'],
  ['manager-open', 'manager.conf', 'secret = amp111'],
  ['manager-clear', 'manager.conf', 'bindaddr = 0.0.0.0'],
  ['manager-rights', 'manager.conf', 'write = all'],
  ['weak-secret', 'manager.conf', 'secret = amp111'],
  ['manager-web', 'manager.conf', 'webenabled = yes'],
  ['ari-open', 'http.conf', 'bindaddr = 0.0.0.0'],
  ['ari-any-origin', 'ari.conf', 'allowed_origins = *'],
  ['weak-secret', 'ari.conf', 'password = asterisk'],
  ['live-dangerously', 'asterisk.conf', 'live_dangerously = yes'],
];

/** Everything wrong. Includes and templates are in it: places must be those of the files that hold the lines. */
export const riskyFiles = (place: PbxPlace): Record<string, string> => ({
  'pjsip.conf': `[global]
type = global
#include "pjsip_more.conf"
[udp]
type = transport
protocol = udp
bind = 0.0.0.0:${place.sipPort}
[tls]
type = transport
protocol = tls
bind = ${place.host}:${place.sipPort + 1}
cert_file = ${place.certificate}
priv_key_file = ${place.key}
method = tlsv1
[phone](!)
type = endpoint
context = from-internal
disallow = all
allow = ulaw
[1001](phone)
auth = 1001
aors = 1001
media_encryption = sdes
[1001]
type = auth
auth_type = userpass
username = 1001
password = 1001
[1001]
type = aor
max_contacts = 100
[1002](phone)
auth = 1002
aors = 1002
media_encryption = dtls
[1002]
type = auth
auth_type = userpass
username = 1002
password = Sommer2026!
[1002]
type = aor
max_contacts = 1
qualify_frequency = 60
[carrier]
type = endpoint
context = from-trunk
disallow = all
allow = ulaw
aors = carrier
[carrier]
type = aor
contact = ${place.carrier}
[carrier]
type = identify
endpoint = carrier
match = 0.0.0.0/0
[partner]
type = endpoint
context = from-trunk
disallow = all
allow = ulaw
identify_by = header
aors = partner
[partner]
type = aor
contact = sip:127.0.20.1:5061\\;transport=tls
[partner]
type = identify
endpoint = partner
match_header = X-Key: abc
`,
  'pjsip_more.conf': `[anonymous]
type = endpoint
context = from-internal
disallow = all
allow = ulaw
`,
  'sip.conf': `[general]
context = from-internal
allowguest = yes
alwaysauthreject = no
[door]
type = friend
host = dynamic
context = inside
[2001]
type = friend
host = dynamic
insecure = port,invite
secret = Hj6-zcF3-sRt5
[2002]
type = friend
host = dynamic
qualify = yes
encryption = yes
deny = 0.0.0.0/0.0.0.0
permit = 10.0.0.0/255.0.0.0
secret = 2002
`,
  'iax.conf': `[general]
bindport = 4569
[guest]
type = user
context = inside
`,
  'extensions.conf': `[general]
static = yes
[from-internal]
include => inside
include => out
[inside]
exten => _1XXX,1,Dial(PJSIP/\${EXTEN},30)
[out]
exten => _00.,1,NoOp()
 same => n,Dial(PJSIP/\${EXTEN:1}@carrier,60)
[from-trunk]
include => inside
include => out
exten => 800,1,Answer()
 same => n,DISA(no-password,out)
`,
  'voicemail.conf': `[general]
format = wav
dialout = out
[default]
1001 => 1001,Reception
1002 => 839204,Sales
`,
  'manager.conf': `[general]
enabled = yes
webenabled = yes
bindaddr = 0.0.0.0
[admin]
secret = amp111
read = all
write = all
`,
  'http.conf': `[general]
enabled = yes
bindaddr = 0.0.0.0
`,
  'ari.conf': `[general]
enabled = yes
allowed_origins = *
[panel]
type = user
password = asterisk
`,
});

/** Nothing wrong: what docs/audit.md recommends, with a guarded dialplan, TLS alone, and a closed manager interface. */
export const hardenedFiles = (place: PbxPlace, guard: string): Record<string, string> => ({
  'pjsip.conf': `[global]
type = global
endpoint_identifier_order = ip,username
[tls]
type = transport
protocol = tls
bind = 0.0.0.0:${place.sipPort}
cert_file = ${place.certificate}
priv_key_file = ${place.key}
method = tlsv1_2
verify_server = yes
ca_list_file = ${place.certificate}
[phone](!)
type = endpoint
context = from-internal
transport = tls
media_encryption = sdes
disallow = all
allow = ulaw
deny = 0.0.0.0/0
permit = 127.0.0.0/8
[1001](phone)
auth = 1001
aors = 1001
[1001]
type = auth
auth_type = userpass
username = 1001
password = rP7-vbQ2-kLm9-xD4
[1001]
type = aor
max_contacts = 1
remove_existing = yes
qualify_frequency = 60
[carrier]
type = endpoint
context = from-trunk
identify_by = ip
transport = tls
disallow = all
allow = ulaw
aors = carrier
[carrier]
type = aor
contact = sip:198.51.100.7:5061\\;transport=tls
[carrier]
type = identify
endpoint = carrier
match = 198.51.100.0/28
`,
  'extensions.conf': `[general]
static = yes
#include "${guard}"
[from-internal]
exten => _1XXX,1,Dial(PJSIP/\${EXTEN},30)
exten => _00.,1,Gosub(ringfence-guard,s,1(\${EXTEN}))
 same => n,Set(GROUP()=\${CHANNEL(endpoint)})
 same => n,GotoIf($[\${GROUP_COUNT(\${CHANNEL(endpoint)})} > 2]?busy)
 same => n,Dial(PJSIP/\${EXTEN:1}@carrier,60)
 same => n(busy),Hangup(17)
[from-trunk]
exten => 4930123456,1,Dial(PJSIP/1001,30)
`,
  'voicemail.conf': '[general]\nformat = wav\nminsecret = 6\n[default]\n1001 => 839204,Reception\n',
});
