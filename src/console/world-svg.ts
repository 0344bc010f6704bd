import { OUTLINES, WORLD_HEIGHT, WORLD_WIDTH } from './world.ts';

/** The world in one grey that stands out from light and dark alike: what lies below the marks of a map. */
export const worldSvg = (): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WORLD_WIDTH} ${WORLD_HEIGHT}"><path fill="#7f93a8" fill-opacity=".38" stroke="#7f93a8" stroke-opacity=".55" stroke-width=".5" stroke-linejoin="round" d="${Object.values(OUTLINES).join('')}"/></svg>`;
