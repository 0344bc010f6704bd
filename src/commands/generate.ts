import type { Argument, Command, Option } from 'commander';
import { EXIT, type Output } from './output.ts';

export const GENERATED = ['bash', 'zsh', 'fish', 'man'] as const;
type Generated = (typeof GENERATED)[number];

/** One command with the words that lead to it: `alerts show`; '' is the program itself. */
interface Node {
  readonly path: string;
  readonly command: Command;
  readonly options: readonly Option[];
}

/** `ringfence generate bash|zsh|fish|man`: completion for a shell, or the manual page, from the commands as they are. */
export default function generate(program: Command, [what = 'man']: readonly string[], output: Output): number {
  const nodes = nodesOf(program);
  const texts: Readonly<Record<Generated, () => string>> = {
    bash: () => bash(nodes),
    zsh: () => zsh(nodes),
    fish: () => fish(nodes),
    man: () => manual(program, nodes),
  };
  output.result(texts[what as Generated]().trimEnd());
  return EXIT.done;
}

function nodesOf(command: Command, before: readonly string[] = []): Node[] {
  const own = { path: before.join(' '), command, options: command.options.filter(({ hidden }) => !hidden) };
  return [own, ...command.commands.flatMap((sub) => nodesOf(sub, [...before, sub.name()]))];
}

const global = ([program]: readonly Node[]): readonly Option[] => program?.options ?? [];
const flagsOf = ({ long, short }: Option): string[] => [long, short].flatMap((flag) => flag ?? []);
const choicesOf = ({ argChoices }: Option | Argument): readonly string[] => argChoices ?? [];
/** What may stand behind a command: its commands, the words that an argument is one of, options. */
const wordsAt = ({ command, options }: Node, nodes: readonly Node[]): string[] => [
  ...command.commands.map((sub) => sub.name()),
  ...command.registeredArguments.flatMap(choicesOf),
  ...new Set([...options, ...global(nodes)].flatMap(flagsOf)),
  '--help',
];
/** Every option that takes a value, once: some choose from a list. */
function valued(nodes: readonly Node[]): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const option of nodes.flatMap(({ options }) => options))
    if (option.required || option.optional)
      for (const flag of flagsOf(option)) found.set(flag, [...new Set([...(found.get(flag) ?? []), ...choicesOf(option)])]); // prettier-ignore
  return found;
}

/** Words of ours that a shell reads: no sign in them means anything to it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const paths = (nodes: readonly Node[]): string => nodes.slice(1).map(({ path }) => quoted(path)).join('|'); // prettier-ignore

/** The steps that bash and zsh share: `$1`… are the words before the one that is completed; it sets `path`. */
const walk = (nodes: readonly Node[]): string => `  local path='' word
  for word in "$@"; do
    case "\${path:+$path }$word" in
      ${paths(nodes)}) path="\${path:+$path }$word" ;;
    esac
  done`;

function cases(nodes: readonly Node[], then: (words: string) => string): string {
  return nodes.map((node) => `    ${quoted(node.path)}) ${then(wordsAt(node, nodes).join(' '))} ;;`).join('\n');
}

function bash(nodes: readonly Node[]): string {
  const values = [...valued(nodes)].map(([flag, choices]) =>
    choices.length === 0
      ? `    ${flag}) COMPREPLY=($(compgen -f -- "$cur")); return ;;`
      : `    ${flag}) COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$cur")); return ;;`,
  );
  return `# bash completion of ringfence, made by: ringfence generate bash
_ringfence_words() {
${walk(nodes)}
  case "$path" in
${cases(nodes, (words) => `printf '%s' ${quoted(words)}`)}
  esac
}
_ringfence() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case "$prev" in
${values.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$(_ringfence_words "\${COMP_WORDS[@]:1:COMP_CWORD-1}")" -- "$cur"))
}
complete -o default -F _ringfence ringfence
`;
}

function zsh(nodes: readonly Node[]): string {
  const values = [...valued(nodes)].map(([flag, choices]) =>
    choices.length === 0 ? `    ${flag}) _files; return ;;` : `    ${flag}) compadd -- ${choices.join(' ')}; return ;;`,
  );
  return `#compdef ringfence
# zsh completion of ringfence, made by: ringfence generate zsh
_ringfence_words() {
${walk(nodes)}
  case "$path" in
${cases(nodes, (words) => `compadd -- ${words}`)}
  esac
}
_ringfence() {
  case "$words[CURRENT-1]" in
${values.join('\n')}
  esac
  _ringfence_words "\${(@)words[2,CURRENT-1]}" || _files
}
_ringfence "$@"
`.replace('local path=', 'emulate -L zsh\n  local path=');
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const at = `-n ${quoted(`test (__ringfence_path) = "${node.path}"`)}`;
    return [
      ...node.command.commands.map((sub) => `complete -c ringfence ${at} -f -a ${sub.name()} -d ${quoted(sub.description())}`), // prettier-ignore
      ...node.command.registeredArguments
        .flatMap(choicesOf)
        .map((word) => `complete -c ringfence ${at} -f -a ${quoted(word)}`),
      ...(node.path === '' ? [] : node.options).map((option) => `complete -c ringfence ${at}${fishOption(option)}`),
    ];
  });
  return `# fish completion of ringfence, made by: ringfence generate fish
function __ringfence_path
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$path $word")
    switch $longer
      case ${nodes.slice(1).map(({ path }) => quoted(path)).join(' ')}
        set path $longer
    end
  end
  echo $path
end
${global(nodes).map((option) => `complete -c ringfence${fishOption(option)}`).join('\n')}
${lines.join('\n')}
`; // prettier-ignore
}

function fishOption(option: Option): string {
  const long = option.long === undefined ? '' : ` -l ${option.long.replace(/^--/, '')}`;
  const short = option.short === undefined ? '' : ` -s ${option.short.replace(/^-/, '')}`;
  const choices = choicesOf(option);
  const value = !(option.required || option.optional) ? '' : choices.length === 0 ? ' -r' : ` -x -a ${quoted(choices.join(' '))}`; // prettier-ignore
  return `${long}${short}${value} -d ${quoted(option.description)}`;
}

/** Text in roff: no line of it begins a request, and a dash is the sign that people type. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => line.replace(/^([.'])/, '\\&$1'))
    .join('\n');

function manual(program: Command, nodes: readonly Node[]): string {
  const options = (all: readonly Option[]): string =>
    all
      .map(({ flags, description, argChoices, defaultValue }) => {
        const more = [
          ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
          ...(defaultValue === undefined || defaultValue === false ? [] : [`default ${String(defaultValue)}`]),
        ];
        return `.TP\n\\fB${roff(flags)}\\fR\n${roff(`${description}${more.length === 0 ? '' : ` (${more.join('; ')})`}`)}\n`;
      })
      .join('');
  const commands = nodes
    .slice(1)
    .filter(({ command }) => command.commands.length === 0)
    .map(({ path, command, options: own }) => {
      const usage = command.registeredArguments.map((one) => {
        const name = `${one.name()}${one.variadic ? '...' : ''}`;
        return one.required ? name : `[${name}]`;
      });
      return `.SS ${roff(['ringfence', path, ...usage].join(' '))}\n${roff(command.description())}\n${options(own)}`;
    });
  return `.\\" made by: ringfence generate man
.TH RINGFENCE 8 "" "ringfence ${roff(program.version() ?? '')}" "System administration"
.SH NAME
ringfence \\- recognises toll fraud and registration hijacking beside Asterisk
.SH SYNOPSIS
.B ringfence
[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]
.SH DESCRIPTION
${roff(program.description())}
It watches mirrored SIP, call records and manager events of an Asterisk PBX, tells what it finds, and, where it may, acts: hangs up, blocks and
gives new passwords. A new installation only watches.
.SH OPTIONS
These go with every command.
${options(global(nodes))}.SH COMMANDS
${commands.join('')}.SH EXIT STATUS
.TP
0
done, nothing found, or the answer is yes
.TP
1
alerts were found (\\-\\-fail\\-on), or the answer is no
.TP
2
it could not do its job; one line on standard error says why
.SH FILES
.TP
.I /etc/ringfence/ringfence.toml
the settings; secrets lie beside it
.TP
.I /var/lib/ringfence/ringfence.db
what was found and decided
.SH SEE ALSO
.BR asterisk (8),
the documents in /usr/share/doc/ringfence
`;
}
