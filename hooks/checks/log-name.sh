# shellcheck shell=bash
# Rule: a session log has a name of its own, YYYY-MM-DD-<user>-<topic>.md.
# A bare YYYY-MM-DD-session.md is shared by every session of that day, and they overwrite each other's log. The same
# in Python: pylib/claudetools/logs/sections.py.
# Sets: RULE_FIX RULE_TEXT.

# is_log PATH: Markdown below a session-logs folder.
is_log() {
  case /$1 in */session-logs/*.md) ;; *) return 1 ;; esac
  case ${1##*/} in README.md | index.md) return 1 ;; esac
}

readonly SHARED_LOG_NAME='^[0-9]{4}-[0-9]{2}-[0-9]{2}(-session(-[0-9]+)?)?\.(md|markdown|mdown|mdwn|mkd|mkdn|mkdown)$'

# check_log_name PATH: 0, or 1 with RULE_TEXT (what is wrong) and RULE_FIX (the command). A name that is shared is so in
# any case, and with any ending that Markdown has.
check_log_name() {
  local path=$1 stem shared
  case /$path in */[Ss][Ee][Ss][Ss][Ii][Oo][Nn]-[Ll][Oo][Gg][Ss]/*.[Mm]*) ;; *) return 0 ;; esac
  stem=${path##*/}
  shopt -s nocasematch
  [[ $stem =~ $SHARED_LOG_NAME ]]
  shared=$?
  shopt -u nocasematch
  if [ "$shared" -eq 0 ]; then
    RULE_TEXT='is a log name that every session of that day would share'
    stem=${stem:0:10}
  elif ! is_log "$path" || is_good_name "${stem%.md}"; then
    return 0
  else
    RULE_TEXT='is no log name (YYYY-MM-DD-<user>-<topic>.md)'
    stem=YYYY-MM-DD
  fi
  printf -v RULE_FIX 'Rename it: mv -- %q %q' "$path" "${path%/*}/$stem-USER-TOPIC.md"
  return 1
}

is_good_name() {
  case $1 in
    # What a shell, a terminal or Windows takes for something else.
    *[[:cntrl:][:space:]\"\'\`\$\&\;\*\?\<\>\|\\:\(\)\{\}\!#~^]* | *'['* | *']'*) return 1 ;;
    [0-9][0-9][0-9][0-9]-0[1-9]-* | [0-9][0-9][0-9][0-9]-1[0-2]-*) ;;
    *) return 1 ;;
  esac
  case ${1:8:3} in 0[1-9]- | [12][0-9]- | 3[01]-) ;; *) return 1 ;; esac
  case ${1:11} in [!-]*-[!-]*) ;; *) return 1 ;; esac
}
