import { listed } from './texts.ts';

/**
 * Words that secrets of telephones are made of: of our own gathering, for the rules in candidates.ts to vary. A bigger list
 * is for `--wordlist`.
 */
/** What people take for a password anywhere, in English, German and a few neighbours. */
const COMMON = listed(`
  password passwort passwd pass kennwort secret geheim geheimnis admin administrator root user benutzer test testing tester
  guest gast welcome willkommen hello hallo letmein login changeme default standard temp temporary demo example muster
  master access private public service support system manager chef boss office buero firma company business
  home haus family familie summer winter spring autumn sommer fruehling herbst monday friday montag freitag
  january march april may june july august september october november december januar maerz mai juni juli oktober dezember
  sunshine sonne flower blume dragon drache monkey tiger lion eagle adler wolf dog hund cat katze horse pferd bear
  football fussball soccer hockey baseball basketball music musik guitar coffee kaffee beer bier pizza chocolate schokolade
  love liebe iloveyou angel engel princess king queen star superman batman ninja shadow phoenix freedom freiheit trust
  computer internet server network netzwerk windows linux debian router modem wlan wifi laptop mobile handy
  apple banana orange lemon cherry kirsche red blue green black white silver gold rot blau gruen schwarz weiss
  berlin hamburg muenchen koeln frankfurt wien zuerich paris london madrid rome amsterdam
  michael thomas andreas stefan peter martin christian daniel markus alexander anna maria julia sabine petra nicole
  john james robert david mary linda susan jennifer jessica ashley charlie george max jonas lukas paul leon
  mercedes porsche ferrari audi bmw
  contrasena azerty bonjour soleil ciao amore wachtwoord haslo parola senha motdepasse
`);

/** What telephone systems and those who set them up call things. */
const TELEPHONY = listed(`
  asterisk freepbx pbx ippbx ipbx elastix trixbox issabel vicidial fusionpbx pjsip chansip sip sips iax voip telephony telefonie
  phone telephone telefon telefono handset headset softphone deskphone desk dect gigaset fritz fritzbox extension exten ext
  nebenstelle durchwahl apparat anschluss line leitung trunk carrier provider gateway voicemail mailbox fax telefax
  conference konferenz meeting queue ivr operator attendant reception empfang zentrale frontdesk lobby call calls caller ring
  sales vertrieb accounting buchhaltung billing warehouse lager workshop werkstatt kitchen kueche hotline helpdesk callcenter
  agent agents security alarm door tuer doorphone gate intercom elevator aufzug lift room zimmer hotel praxis kanzlei
  secretary sekretariat management geschaeftsleitung personal hr marketing einkauf versand technik mitarbeiter staff
`);

/** What devices, distributions and sample configurations come with. */
export const VENDOR_DEFAULTS: readonly string[] = listed(`
  admin admin123 adminpass administrator root toor user 0000 1111 1234 12345 123456 4321 22222 456 789 123 9999 8888
  cisco Cisco linksys sipura polycom Polycom PlcmSpIp plcmspip yealink grandstream snom aastra mitel avaya craft craftpw
  gigaset fanvil htek escene akuvox alcatel panasonic audiocodes patton digium sangoma obihai obi ubnt ubiquiti mediatrix
  zultys nortel shoretel siemens unify spectralink innovaphone auerswald lancom agfeo tiptel beronet openvox dinstar yeastar zycoo
  fritz fritzbox speedport 27238 31994 20100 1994 31994 1q2w3e4r
  amp109 amp111 amportal passw0rd fpbx freepbx eLaStIx.2oo7 eLaStIx.asteriskuser.2oo7 palosanto iSsAbEl.2o17 trixbox
  unsecurepassword mysecret mysecretpassword mypassword supersecret verysecret topsecret notsecure nopassword
  secret secret1 secret5 secret123 secretpassword welcome welcome1 blah changeme ChangeMe changeit changethis defaultpassword
  asterisk sip sippass sippassword voip voippass pbxpass extpass replaceme replacethis yourpassword your_password
  examplepass examplesecret s3cr3t p@ssw0rd P@ssw0rd Passw0rd test1234 qwerty
`);

export const DICTIONARY: readonly string[] = [...new Set([...COMMON, ...TELEPHONY])];
