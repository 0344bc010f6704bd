import type { MessageWords } from './words.ts';

export const message: MessageWords = {
  labels: {
    site: 'site',
    who: 'who',
    since: 'since',
    last: 'last seen',
    cost: 'cost',
    from: 'from',
    incident: 'incident',
  },
  more: 'The whole story, with every number and threshold',
  footer: 'ringfence watches this telephone system. Who is told of what: [notify] in its settings.',
  goesOn: (pieces) => `It goes on: ${pieces} sightings by now`,
  digest: (count) => `${count} incidents`,
  left: (count) => `and ${count} more: ringfence alerts lists them`,
  test: (channel) => `Test of ${channel}: ringfence can reach you here`,
  testBody: 'Somebody asked for this with ringfence notify test. Nothing has happened, and nothing needs to be done.',
  stuck: (channel, waiting, since, error) =>
    `${channel} has not been able to tell anybody since ${since}: ${waiting === 1 ? '1 message waits' : `${waiting} messages wait`} (${error})`,
  stuckBody:
    'Nothing is lost: ringfence keeps trying. Look what is wrong with that channel; ringfence notify test proves it.',
};
