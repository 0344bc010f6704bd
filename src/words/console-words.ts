import { deConsole } from './de-console.ts';
import { enConsole } from './en-console.ts';

type Head =
  | 'account'
  | 'act'
  | 'cipher'
  | 'contact'
  | 'cost'
  | 'details'
  | 'device'
  | 'feed'
  | 'from'
  | 'hour'
  | 'key'
  | 'kind'
  | 'last'
  | 'lasts'
  | 'number'
  | 'place'
  | 'received'
  | 'sent'
  | 'severity'
  | 'since'
  | 'state'
  | 'to'
  | 'until'
  | 'what'
  | 'when'
  | 'who'
  | 'whom'
  | 'why';

type Texts = Readonly<
  Record<
    | 'skip'
    | 'navigation'
    | 'logIn'
    | 'logOut'
    | 'name'
    | 'password'
    | 'wrong'
    | 'busy'
    | 'stale'
    | 'noUsers'
    | 'mayNot'
    | 'noPage'
    | 'sorry'
    | 'toStart'
    | 'live'
    | 'lost'
    | 'pages'
    | 'first'
    | 'older'
    | 'newest'
    | 'gravest'
    | 'order'
    | 'all'
    | 'any'
    | 'show'
    | 'search'
    | 'searchHint'
    | 'searchOn'
    | 'open'
    | 'seen'
    | 'lastHour'
    | 'lastDay'
    | 'lastWeek'
    | 'lastMonth'
    // now
    | 'health'
    | 'well'
    | 'notReady'
    | 'openIncidents'
    | 'callsNow'
    | 'callsAnHour'
    | 'runningCost'
    | 'standing'
    | 'stopped'
    | 'alarm'
    | 'noCalls'
    | 'inbound'
    | 'ringing'
    | 'latest'
    | 'noIncidents'
    | 'feedsTitle'
    | 'silent'
    | 'nothingYet'
    | 'alive'
    | 'channel'
    | 'delivers'
    | 'stuck'
    | 'noRegistrations'
    | 'registrations'
    | 'unknownPlace'
    | 'noBlocks'
    // acts
    | 'byHand'
    | 'howLong'
    | 'why'
    | 'whom'
    | 'undo'
    | 'undoAll'
    | 'block'
    | 'blockSomething'
    | 'blocked'
    | 'lifted'
    | 'allowed'
    | 'notProved'
    | 'nobodyNamed'
    | 'acknowledge'
    | 'acknowledged'
    | 'falseAlarm'
    | 'falseAlarmMeans'
    | 'falseAlarmSaid'
    // incident
    | 'incident'
    | 'evidence'
    | 'facts'
    | 'factsOf'
    | 'map'
    | 'sources'
    | 'destinations'
    | 'home'
    | 'nobodyTold'
    // accounts
    | 'noAccounts'
    | 'notRegistered'
    | 'hasKey'
    | 'blockedNow'
    | 'baseline'
    | 'nothingLearned'
    | 'notYetJudged'
    | 'usual'
    | 'perDay'
    | 'mean'
    | 'oneIn100'
    | 'countries'
    | 'noCountries'
    | 'bindings'
    | 'secrets'
    | 'secretAge'
    | 'secretOld'
    | 'secretNew'
    | 'staleSecret'
    | 'no'
    | 'noKey'
    // traffic
    | 'callsChart'
    | 'perStep'
    | 'outbound'
    | 'median'
    | 'p95'
    | 'pdd'
    | 'registerTime'
    | 'retransmissions'
    | 'refusedCalls'
    | 'asNumbers'
    // keys
    | 'certificates'
    | 'noCertificates'
    | 'tokens'
    | 'noTokens'
    | 'noGateway'
    | 'noSessions'
    | 'gatewaySessions'
    | 'halfOpen'
    | 'transactions'
    | 'towardsPbx'
    | 'delay'
    | 'inboundCalls'
    // audit trail, settings
    | 'auditTrail'
    | 'auditIntro'
    | 'headOfTrail'
    | 'unguarded'
    | 'general'
    | 'sections'
    | 'settingsIntro',
    string
  >
>;

/** What the console says in one language, beside what words.ts says of incidents. Texts that come in are shown as they are. */
export interface ConsoleWords extends Texts {
  readonly places: Readonly<
    Record<'now' | 'incidents' | 'accounts' | 'traffic' | 'blocks' | 'keys' | 'audit' | 'settings', string>
  >;
  readonly roles: Readonly<Record<'read' | 'act', string>>;
  readonly modes: Readonly<Record<'observe' | 'enforce', string>>;
  readonly heads: Readonly<Record<Head, string>>;
  readonly feeds: Readonly<Record<'hep' | 'ami' | 'cdr', string>>;
  /** of the connection to Asterisk */
  readonly states: Readonly<Record<'up' | 'connecting' | 'refused' | 'closed', string>>;
  readonly measures: Readonly<Record<'calls' | 'chargeable' | 'minutes' | 'spend', string>>;
  readonly uses: Readonly<Record<'account' | 'gateway' | 'gateway-tls', string>>;
  readonly spans: Readonly<Record<'15m' | '2h' | '1d' | '7d' | '30d', string>>;
  /** Monday first */
  readonly days: readonly string[];
  /** names that this version does not know are told as they are */
  targetStates(state: string): string;
  decisionStates(state: string): string;
  claimants(by: string): string;
  blockKinds(kind: string): string;
  keyStates(state: string): string;
  wait(duration: string): string;
  ago(duration: string): string;
  left(duration: string): string;
  until(time: string): string;
  atLeast(severity: string): string;
  aMinute(money: string): string;
  notWell(alarms: number): string;
  ofThemGrave(count: number): string;
  ofThemOpen(count: number): string;
  dropped(count: number): string;
  unproved(count: number): string;
  waiting(count: number): string;
  registered(accounts: number, bindings: number): string;
  registeredOnce(bindings: number): string;
  allBlocks(count: number): string;
  notAmong(searched: number): string;
  allow(account: string): string;
  heatOf(measure: string): string;
  heatCell(day: string, hour: number, value: string): string;
  restsOn(weeks: string): string;
  mostOf(value: string, unit: string): string;
  trafficSum(outbound: number, inbound: number): string;
  trafficIntro(minutes: number): string;
  gatewayListens(places: string): string;
}

const ALL: Readonly<Record<string, ConsoleWords>> = { en: enConsole, de: deConsole };

/** English for a language that there is not. */
export const consoleWordsOf = (language: string): ConsoleWords => ALL[language] ?? enConsole;
