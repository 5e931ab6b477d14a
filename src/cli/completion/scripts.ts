/**
 * What a shell evaluates to complete the words of this program. The scripts know nothing of the commands: they give the
 * words up to the cursor to the program itself, which answers one candidate a line, its description after a tab.
 */
import { BlockError } from '../../base/errors.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const

const SCRIPTS: Readonly<Record<string, (complete: string) => string>> = {
  bash: (complete) => `# basalt completion for bash. Now: eval "$(basalt completion bash)"
# Always: basalt completion bash > ~/.local/share/bash-completion/completions/basalt
_basalt() {
  local line IFS=$'\\n' words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash makes words of their own of ':' and '='.
  for line in $("\${COMP_WORDS[0]}" ${complete} -- "\${words[@]}" 2>/dev/null); do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done
  # After VOLUME@ the name of a snapshot follows at once.
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *@ ]]; then compopt -o nospace 2>/dev/null; fi
}
# VOLUME@SNAPSHOT is one word.
COMP_WORDBREAKS=\${COMP_WORDBREAKS//@/}
complete -o default -F _basalt basalt
`,
  zsh: (complete) => `#compdef basalt
# basalt completion for zsh. Now: source <(basalt completion zsh)
# Always: basalt completion zsh > "\${fpath[1]}/_basalt"
_basalt() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" ${complete} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe 'basalt' found; else _files; fi
}
if [[ \${funcstack[1]} = _basalt ]]; then _basalt; else compdef _basalt basalt; fi
`,
  fish: (complete) => `# basalt completion for fish. Now: basalt completion fish | source
# Always: basalt completion fish > ~/.config/fish/completions/basalt.fish
function __basalt_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] ${complete} -- $words[2..-1] 2>/dev/null
end
complete -c basalt -f -a '(__basalt_complete)'
complete -c basalt -n 'test -z (__basalt_complete | string collect)' -F
`,
}

/** The script for `shell`; INVALID_ARGUMENT for one that is not known. */
export function completionScript(shell: string, complete: string): string {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
  if (script !== undefined) return script(complete)
  throw new BlockError(
    'INVALID_ARGUMENT',
    `SHELL: '${shell.slice(0, 40)}' is not one of ${SHELLS.join(', ')}`,
  )
}
