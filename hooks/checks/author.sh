# shellcheck shell=bash
# Rule: commits are by the person that this machine is set up for. An agent that sets a name of its own, or a git that
# was never told, would sign the work of others.
# Sets: RULE_FIX RULE_TEXT.

# check_author EMAIL: 0, or 1 with RULE_TEXT and RULE_FIX. ID_EMAIL is the one to be; PEOPLE_EMAILS (" a@b c@d ")
# those of a server, where anybody's commits arrive.
check_author() {
  local email=$1 status=1
  shopt -s nocasematch
  if [ -n "${ID_EMAIL:-}" ]; then
    [[ $email != "$ID_EMAIL" ]] || status=0
  else
    [[ -n ${PEOPLE_EMAILS:-} && $PEOPLE_EMAILS != *" $email "* ]] || status=0
  fi
  shopt -u nocasematch
  [ "$status" -ne 0 ] || return 0
  if [ -n "${ID_EMAIL:-}" ]; then
    RULE_TEXT="is the author, and this machine is set up for $(visible "$ID_EMAIL")"
    RULE_FIX="Take its identity: git config user.name $(quoted "$ID_NAME") && git config user.email $(quoted "$ID_EMAIL")"
  else
    RULE_TEXT='is the author, and nobody in .claude/users.json'
    RULE_FIX='Say who you are: bash .claude/scripts/claudetools.sh setup     then: git commit --amend --reset-author'
  fi
  return 1
}
