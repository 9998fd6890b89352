# shellcheck shell=bash
# Rule: what belongs to one machine goes into no commit. .claude/identity.json says who works there, .claudetools-resolve/ is
# where a conflict is laid out. Neither is ever taken from a commit (pylib/claudetools/checkout/swapping.py).
# Sets: OWN_ROOT.

# is_machines_own PATH: 0 in any case of letters, because macOS and Windows make one file of them.
is_machines_own() {
  local status=1
  case $1 in .[cC][lL][aA][uU][dD][eE]*) ;; *) return 1 ;; esac # nearly every name ends here
  shopt -s nocasematch
  case $1 in .claude/identity.json | .claude/identity.json/* | .claudetools-resolve | .claudetools-resolve/*) status=0 ;; esac
  shopt -u nocasematch
  return "$status"
}

# own_root PATH: sets OWN_ROOT, the file or folder that is meant.
own_root() {
  case $1 in
    */*/*) OWN_ROOT=${1%"/${1#*/*/}"} ;;
    .[cC][lL][aA][uU][dD][eE]/*) OWN_ROOT=$1 ;;
    *) OWN_ROOT=${1%%/*} ;;
  esac
}

# untrack_command PATH: what lies in the folder stays.
untrack_command() {
  local OWN_ROOT
  own_root "$1"
  printf '%s rm --cached -r -f -- %s' "$(git_here)" "$(quoted "$OWN_ROOT")"
}
