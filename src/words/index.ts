export { de } from './de.ts';
export { consoleWordsOf, type ConsoleWords } from './console-words.ts';
export { alarmText, type AlarmMoment, type AlarmText } from './alarms.ts';
export { en } from './en.ts';
export type { Report, ReportDestination, ReportKey, ReportPart, ReportStory } from './report.ts';
export { reportHtml } from './report-html.ts';
export { reportPage, type ReportPage } from './report-page.ts';
export { reportText } from './report-text.ts';
export { LANGUAGES, wordsOf, type Language } from './languages.ts';
export { messageHtml } from './mail-html.ts';
export {
  chatText,
  digestOf,
  messageOf,
  messageText,
  notice,
  subjectLine,
  type Message,
  type MessageOptions,
} from './message.ts';
export { fit, plain, width, wrap, type Painter } from './layout.ts';
export { alertLine, incidentTable, SHORT_ID, type TextOptions } from './list.ts';
export { responseTable, responseTest, type JudgedRow, type RuleRow, type VerdictRow } from './response.ts';
export { brokenBy, type Broken, type Measured, type RuleText } from './broken.ts';
export { explain, numbersOf, type IncidentStory, type ShowOptions, type TellingOf } from './show.ts';
export { explanationOf } from './explanation.ts';
export { timelineOf, type Entry } from './timeline.ts';
export { shellWord, visible } from './visible.ts';
export { weaknessText, type Weakness } from './weakness.ts';
export type { Advice, ResponseBounds, Seen, Words } from './words.ts';
