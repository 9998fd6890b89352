# shellcheck shell=bash
# Completion for bash, zsh and fish. All three ask `claudetools --complete WORD...`, which reads the manuals, so that there
# is no second list of commands and options.
# Needs: exit_codes, ui; claudetools.sh's print_help.

print_completion() {
  case ${1:-} in
    bash) print_bash_completion ;;
    zsh) print_zsh_completion ;;
    fish) print_fish_completion ;;
    *) wrong_usage "completion takes bash, zsh or fish." ;;
  esac
}

# complete_words [WORD...]: what may follow these whole words, one a line. A manual names commands two blanks from the
# margin, and options anywhere.
complete_words() {
  local line word
  while [ $# -gt 0 ]; do
    case $1 in --session) shift $(($# > 1 ? 2 : 1)) ;; -*) shift ;; *) break ;; esac
  done
  {
    [ $# -gt 0 ] || printf '%s\n' '  help  ' '  completion  ' --version
    print_help ${1+"$@"} 2>/dev/null
  } | while IFS= read -r line; do
    case $line in
      '  '[a-z]*'  '*) word=${line#  } && printf '%s\n' "${word%% *}" ;;
    esac
    while :; do
      case $line in *--[a-z]*) ;; *) break ;; esac
      line=--${line#*--}
      word=${line%%[!a-z-]*}
      line=${line#"$word"}
      [ ${#word} -le 3 ] || printf '%s\n' "$word"
    done
  done | sort -u
}

print_bash_completion() {
  cat <<'TEXT'
# eval "$(claudetools completion bash)"
_claudetools() {
  local words=()
  [ "$COMP_CWORD" -lt 2 ] || words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
  COMPREPLY=($(compgen -W "$(claudetools --complete ${words[@]+"${words[@]}"} 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _claudetools claudetools
TEXT
}

print_zsh_completion() {
  cat <<'TEXT'
#compdef claudetools
# claudetools completion zsh >~/.zfunc/_claudetools     or: eval "$(claudetools completion zsh)"
_claudetools() {
  local -a found
  found=(${(f)"$(claudetools --complete ${words[2,CURRENT-1]} 2>/dev/null)"})
  compadd -- $found || _files
}
if [ "$funcstack[1]" = _claudetools ]; then _claudetools "$@"; else compdef _claudetools claudetools; fi
TEXT
}

print_fish_completion() {
  cat <<'TEXT'
# claudetools completion fish >~/.config/fish/completions/claudetools.fish
complete -c claudetools -a '(set -l words (commandline -opc); claudetools --complete $words[2..-1] 2>/dev/null)'
TEXT
}
