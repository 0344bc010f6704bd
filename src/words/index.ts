export { en } from './en.ts';
export { fit, plain, width, wrap, type Painter } from './layout.ts';
export { alertLine, incidentTable, SHORT_ID, type TextOptions } from './list.ts';
export { responseTable, responseTest, type JudgedRow, type RuleRow, type VerdictRow } from './response.ts';
export { explain, type IncidentStory, type RuleText, type ShowOptions } from './show.ts';
export { shellWord, visible } from './visible.ts';
export type { Advice, ResponseBounds, Words } from './words.ts';
