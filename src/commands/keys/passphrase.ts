import { resolve } from 'node:path';
import { readSecret } from '../../config.ts';
import { RingfenceError } from '../../errors.ts';

/** What --passphrase-file names, or what a person types, unseen. @throws RingfenceError where there is neither file nor terminal */
export async function askPassphrase(
  file: string | undefined,
  question: string,
  options: { readonly twice: boolean },
): Promise<string> {
  if (file !== undefined) return readSecret(file, resolve('.'), '--passphrase-file');
  if (!process.stdin.isTTY)
    throw new RingfenceError(
      'usage',
      'a passphrase is needed: write it into a file and name that with --passphrase-file',
    );
  const typed = await typeUnseen(question);
  if (options.twice && (await typeUnseen('Once more: ')) !== typed)
    throw new RingfenceError('usage', 'the two passphrases differ; nothing was done');
  return typed;
}

const ENTER = /[\r\n]/;

/** Reads a line from the terminal without showing it. */
function typeUnseen(question: string): Promise<string> {
  const { stdin } = process;
  process.stderr.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  return new Promise((done, fail) => {
    let typed = '';
    const end = (): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write('\n');
    };
    const take = (chunk: Buffer): void => {
      for (const character of chunk.toString()) {
        if (character === '\u0003') {
          end();
          fail(new RingfenceError('usage', 'broken off; nothing was done'));
          return;
        }
        if (ENTER.test(character)) {
          end();
          done(typed);
          return;
        }
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    };
    stdin.on('data', take);
  });
}
