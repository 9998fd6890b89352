# shellcheck shell=bash
# The remote's branch: as last heard of, as it is now, and what to say when it does not answer.
# Needs: repository, patience, results, ui.

# The remote's tip as last heard of, '' when the remote has no such branch.
read_seen() {
  SEEN=''
  read -r SEEN 2>/dev/null <"$COMMON/refs/remotes/$REMOTE/$BRANCH" && return 0
  SEEN=$(git -C "$TOP" rev-parse --quiet --verify "refs/remotes/$REMOTE/$BRANCH") || SEEN=''
}

# 0 the remote's tip is SEEN, 1 it is another one, else an exit code.
remote_is_seen() {
  network_line git -C "$TOP" ls-remote --quiet "$REMOTE" "refs/heads/$BRANCH" 2>"$WORK/error" || {
    report_unreachable
    return
  }
  [ "${NETWORK_LINE%%$'\t'*}" = "$SEEN" ]
}

# When the remote last answered as it should: the alarm of report.sh counts from here.
note_reached() {
  read_epoch
  { printf '%s\n' "$NOW" >"$STATE/reached"; } 2>/dev/null || : # told by the alarm
}

# Unreachable or wanting a login: the work is committed here and waits.
report_unreachable() {
  local text waiting since
  text=$(first_words "$WORK/error")
  if is_disk_failure "$(<"$WORK/error")" || { [ ! -s "$WORK/error" ] && ! printf '\n' 2>/dev/null >"$WORK/probe"; }; then
    report_git_failure "git fetch" # it is this machine's disk that stops us, not the network
    return "$EXIT_CANNOT_CREATE"
  fi
  waiting=$(git -C "$TOP" rev-list --count "$HEAD_OID" ${SEEN:+"^$SEEN"} 2>/dev/null) || waiting=0
  since=$(git -C "$TOP" log --reverse --format=%cd --date=format:'%a %H:%M' "$HEAD_OID" ${SEEN:+"^$SEEN"} 2>/dev/null | head -n 1)
  case $(<"$WORK/error") in
    *'Authentication failed'* | *'could not read Username'* | *'could not read Password'* | *'Permission denied (publickey'* | \
      *'terminal prompts disabled'* | *'Host key verification failed'* | *'HTTP 401'* | *'HTTP 403'* | *'returned error: 40'[13]*)
      problem "$EXIT_OFFLINE" warn "$(visible "$REMOTE") wants a login ($text)." \
        "Your work is committed here, $(count_of "$waiting" commit) not sent yet. Log in once by hand: git -C $(quoted "$TOP") fetch"
      ;;
    *)
      if [ "$waiting" = 0 ]; then
        problem "$EXIT_OFFLINE" ok "Nothing of yours waits. $(visible "$REMOTE") cannot be reached ($text)."
      else
        problem "$EXIT_OFFLINE" ok "Saved here. $(visible "$REMOTE") cannot be reached ($text)." \
          "$(count_of "$waiting" commit), the first of ${since:-today}, not sent yet. The next sync that reaches it sends them. Nothing to do."
      fi
      ;;
  esac
  return "$EXIT_OFFLINE"
}

# The first thing that git or ssh said, without its prefix.
first_words() {
  local line
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    line=${line#fatal: }
    visible "${line%.}"
    return 0
  done <"$1"
  printf 'no answer'
}
