# shellcheck shell=bash
# The remote's branch: as last heard of, as it is now, and what to say when it does not answer.
# Needs: repository, patience, results, answers, ui.
# Sets: ACCEPTED ACCEPTED_OF SEEN.

# The remote's tip as last heard of, '' when the remote has no such branch.
read_seen() {
  SEEN=''
  read -r SEEN 2>/dev/null <"$COMMON/refs/remotes/$REMOTE/$BRANCH" && return 0
  SEEN=$(git -C "$TOP" rev-parse --quiet --verify "refs/remotes/$REMOTE/$BRANCH") || SEEN=''
}

# ACCEPTED: the tip of the remote that we last agreed with, '' for a line that is damaged. Each branch of each remote has a
# line of its own (ACCEPTED_OF), with the remote's address: under another one the same name is another remote.
read_accepted() {
  local oid where url
  ACCEPTED='' ACCEPTED_OF=''
  name_remote
  while read -r oid where url; do
    case $oid in '' | *[!0-9a-f]*) continue ;; esac
    [ -z "$where" ] || [ "$where" = "$REMOTE/$BRANCH" ] || continue
    [ -z "$url" ] || [ "$url" = "$REMOTE_URL" ] || continue
    ACCEPTED=$oid ACCEPTED_OF=$where
    [ -z "$where" ] || break # else written by an earlier version
  done 2>/dev/null <"$TREE/accepted"
}

keep_accepted() {
  local oid where url others=''
  name_remote
  while read -r oid where url; do
    [ -z "$where" ] || [ "$where" = "$REMOTE/$BRANCH" ] || others+=$'\n'"$oid $where $url"
  done 2>/dev/null <"$TREE/accepted"
  keep_record "$TREE/accepted" "$1 $REMOTE/$BRANCH $REMOTE_URL$others"
}

name_remote() { # sets REMOTE_URL
  local pair
  REMOTE_URL=''
  for pair in ${REMOTE_URLS[@]+"${REMOTE_URLS[@]}"}; do
    case $pair in "$REMOTE="*) REMOTE_URL=${pair#*=} REMOTE_URL=${REMOTE_URL//[[:cntrl:]]/} ;; esac
  done
}

# 0 the remote's tip is SEEN, 1 it is another one, else an exit code.
remote_is_seen() {
  network_line "$WORK/error" git -C "$TOP" ls-remote --quiet "$REMOTE" "refs/heads/$BRANCH" || {
    report_unreachable
    return
  }
  [ "${NETWORK_LINE%%$'\t'*}" = "$SEEN" ]
}

# The remote has answered as it should, and its tip is SEEN: the alarm of report.sh counts from here.
note_reached() {
  note_on_remote "$SEEN"
  read_epoch
  { printf '%s\n' "$NOW" >"$STATE/reached"; } 2>/dev/null || : # told by the alarm
}

# The fetch failed: the work is committed here and waits.
report_unreachable() {
  local agent='' answer cause text
  if find_git_lock "$(<"$WORK/error")" || is_disk_failure "$(<"$WORK/error")" || { [ ! -s "$WORK/error" ] && probe_disk && [ -n "$PROBED" ]; }; then
    report_git_failure "git fetch" # it is this machine's disk that stops us, not the network
    return "$EXIT_CANNOT_CREATE"
  fi
  answer=$(words_of_failure "$WORK/error")
  cause=${answer%%$'\n'*} text=${answer#*$'\n'}
  [ -n "$answer" ] || cause=network text=$(first_words "$WORK/error")
  [ "$cause" != right ] || cause=login # not even to read
  case ${SSH_AUTH_SOCK:-none}$text in
    none*'Permission denied (publickey'*)
      agent="SSH_AUTH_SOCK is not set here, so ssh asks no agent, and a key with a passphrase stays closed: a scheduled sync needs a key without one."
      ;;
  esac
  report_answer "$cause" "$text" "$(waiting_words)" ${agent:+"$agent"}
  return "$EXIT_OFFLINE"
}

# After a push: git moves the remote-tracking branch as well, and ends with 0 where it cannot.
record_push() {
  case $(<"$WORK/error") in *"update_ref failed for ref 'refs/remotes/"*) ;; *) return 0 ;; esac
  patiently git -C "$TOP" update-ref "refs/remotes/$REMOTE/$BRANCH" "$TIP" && return 0
  find_git_lock "$(<"$WORK/error")" || {
    report_git_failure "Your work is pushed; recording that in refs/remotes/$(visible "$REMOTE/$BRANCH")"
    return
  }
  report_git_lock "Your work is pushed, but git cannot record that in refs/remotes/$(visible "$REMOTE/$BRANCH")"
}

# is_on_this_machine URL: a path or a file:// address, as git tells them from host:path.
is_on_this_machine() {
  local head=${1%%[:/]*}
  case $1 in file://*) return 0 ;; esac
  [ "${1:${#head}:1}" != : ] || [ ${#head} -eq 1 ]
}

# The push met GIT_LOCK in the remote. 1 to push again; else an exit code. Nothing is ever removed there.
meet_remote_lock() {
  local url waiting
  url=$(git -C "$TOP" remote get-url --push "$REMOTE" 2>/dev/null)
  waiting=$(waiting_words)
  if is_on_this_machine "$url"; then
    ! outwait_git_lock || return 1
    report_git_lock "$(visible "$REMOTE") cannot take the push" "$waiting"
  elif [ "$GIT_LOCK_LEFT" -gt 0 ]; then
    GIT_LOCK_LEFT=$((GIT_LOCK_LEFT - 1000))
    pause 500
    return 1
  else
    problem "$EXIT_REFUSED" error "$(visible "$REMOTE") cannot take the push: git's lock file $(visible "$GIT_LOCK") is in the way there." \
      "$waiting Another git holds that file, or was killed and left it." \
      "If no git is at work there, on that machine: rm $(quoted "$GIT_LOCK")" "Then: $(sync_command)"
    return "$EXIT_REFUSED"
  fi
}

# The branch was on the remote, and is no more: renamed or deleted there. To make it anew is for a person to say.
report_branch_gone() {
  local other='' advice=() here setting=config
  here="git -C $(quoted "$TOP")"
  network_line /dev/null git -C "$TOP" ls-remote --quiet --symref "$REMOTE" HEAD
  case $NETWORK_LINE in 'ref: refs/heads/'*$'\t'HEAD) other=${NETWORK_LINE#ref: refs/heads/} other=${other%$'\t'HEAD} ;; esac
  [ -z "$CONFIG_WORKTREES" ] || setting='config --worktree'
  if [ -z "$other" ]; then
    :
  elif git -C "$TOP" rev-parse --quiet --verify "refs/heads/$other" >/dev/null; then
    advice+=("Its branch is $(visible "$other") now, and you have one of that name: bring over what only $(visible "$BRANCH") has, then sync that one.")
  else
    advice+=("If it was renamed to $(visible "$other"), so is yours by: $here branch -m $(quoted "$BRANCH") $(quoted "$other") && $here config $(quoted "branch.$other.merge") $(quoted "refs/heads/$other") && $here $setting claudetools.branch $(quoted "$other")")
  fi
  problem "$EXIT_HELD" error "$(visible "$REMOTE") has no branch $(visible "$BRANCH") any more." \
    "Nothing was pushed, nothing was received. Your commits are safe here." ${advice[@]+"${advice[@]}"} \
    "To make it anew there: $here push $(quoted "$REMOTE") $(quoted "refs/heads/$BRANCH:refs/heads/$BRANCH")"
  return "$EXIT_HELD"
}

# The first thing that git or ssh said, without its prefix.
first_words() {
  local line
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    line=${line#fatal: } line=${line%$'\r'}
    visible "${line%.}"
    return 0
  done <"$1"
  printf 'no answer'
}
