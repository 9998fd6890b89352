# shellcheck shell=bash
# Rule: a session log has a name of its own, YYYY-MM-DD-<user>-<topic>.md.
# A bare YYYY-MM-DD-session.md is shared by every session of that day, and they overwrite each other's log.

# check_log_name PATH: 0, or 1 with RULE_TEXT (what is wrong) and RULE_FIX (the command).
check_log_name() {
  local path=$1 name=${1##*/} stem
  case /$path in */session-logs/*.md) ;; *) return 0 ;; esac
  stem=${name%.md}
  case $stem in
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-session | [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9])
      RULE_TEXT='is a log name that every session of that day would share'
      ;;
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[!-]*-[!-]*) return 0 ;;
    README | index) return 0 ;;
    *)
      RULE_TEXT='is no log name (YYYY-MM-DD-<user>-<topic>.md)'
      stem=YYYY-MM-DD
      ;;
  esac
  printf -v RULE_FIX 'Rename it: mv -- %q %q' "$path" "${path%/*}/${stem:0:10}-USER-TOPIC.md"
  return 1
}
