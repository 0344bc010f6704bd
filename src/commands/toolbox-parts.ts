/** The databases that `ringfence toolbox list` shows; a file of its own, so that `--help` loads nothing else. */
export const TOOLBOX_PARTS = [
  'templates',
  'tools',
  'policies',
  'authorisations',
  'alerts',
  'origins',
  'settings',
] as const;
export type ToolboxPart = (typeof TOOLBOX_PARTS)[number];
