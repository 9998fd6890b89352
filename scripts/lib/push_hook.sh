# shellcheck shell=bash
# The repository's own pre-push hook, with what `git push` would give it. It runs before the connection is made: its time is
# not the network's, and what it refuses is not told as the remote's refusal.
# Needs: repository, check_tree, run_hook, own_hooks, exchange, refusal, python.
# Sets: ANSWER_LINES HOOK_BROKE HOOK_INPUT HOOK_REFUSED_TIP.

# may_push: 0 when the hook lets TIP go, or there is none; 1 when it refuses; else an exit code.
may_push() {
  HOOK_REFUSED_TIP=''
  find_hook pre-push || return 0
  ask_pre_push "$TIP" "$SEEN"
}

# settle_hook_refusal STATUS SEEN: what may_push said. Nothing was pushed that would tell whether the remote has moved since.
settle_hook_refusal() {
  [ "$1" -eq 1 ] || return "$1"
  : >"$WORK/push-error"
  fetch_remote || return
  [ "$SEEN" = "$2" ] || return 1
  settle_refusal
}

# ask_pre_push COMMIT BASE: may COMMIT go on top of BASE? 0, 1, or an exit code. Once for each URL, as git does.
ask_pre_push() {
  local url urls=()
  prepare_check_tree "$1" "$1" || return
  while IFS= read -r url; do urls+=("$url"); done < <(git -C "$TOP" remote get-url --push --all "$REMOTE")
  printf 'refs/heads/%s %s refs/heads/%s %s\n' "$BRANCH" "$1" "$BRANCH" "${2:-$(printf '%0*d' ${#1} 0)}" >"$WORK/hook-input" || return "$EXIT_CANNOT_CREATE"
  for url in "${urls[@]}"; do
    HOOK_INPUT=$WORK/hook-input
    run_hook pre-push '' "$REMOTE" "$url"
    HOOK_INPUT=''
    [ "$HOOK_STATUS" -ne 0 ] || continue
    HOOK_REFUSED_TIP="$1 $2"
    read_hook_words
    return 1
  done
}

# answer_push_questions COMMAND...: the hook is asked for each commit that the helper is about to push (refused.py).
# Sets ANSWER_LINES, what else it says, and returns its exit status.
answer_push_questions() {
  local line commit base status=$EXIT_INTERNAL
  ANSWER_LINES=''
  [ -n "$HOOK_REFUSED_TIP" ] || HOOK_BROKE=''
  { [ -p "$WORK/answers" ] || mkfifo -m 600 "$WORK/answers" 2>"$WORK/error"; } || return "$EXIT_INTERNAL"
  exec 4<>"$WORK/answers"
  while IFS= read -r line <&3; do
    case $line in
      ask$'\t'*)
        IFS=$'\t' read -r line commit base <<<"$line"
        if is_let_through "$commit" "$base"; then printf 'yes\n' >&4; else printf 'no\n' >&4; fi
        ;;
      ended$'\t'*) status=${line#*$'\t'} ;;
      *) ANSWER_LINES+=$line$'\n' ;;
    esac
  done 3< <(
    "$@" <"$WORK/answers" 4>&-
    printf 'ended\t%s\n' "$?"
  )
  exec 4>&-
  return "$status"
}

# What it has said once is not asked again, and one that took too long is not waited for again.
is_let_through() {
  [ -z "$HOOK_BROKE" ] && [ "$HOOK_REFUSED_TIP" != "$1 $2" ] && ask_pre_push "$1" "$2"
}

# report_push_hook REFUSED TOTAL [SUBJECTS...]: these commits stay here. 65.
report_push_hook() {
  local refused=$1 total=$2 why mend=$HOOK_MEND
  shift 2
  why="refused $refused of $(count_of "$total" commit)"
  [ "$refused" != "$total" ] || why="refused the push"
  why=${HOOK_BROKE:-$why}
  [ -n "$HOOK_BROKE" ] || mend=$(way_to_mend pre-push)
  problem "$EXIT_HELD" error "Your repository's own pre-push hook $why." "$@" ${HOOK_LINES[@]+"${HOOK_LINES[@]}"} \
    "Nothing is lost: what was not pushed stays committed here. $mend"
  return "$EXIT_HELD"
}
