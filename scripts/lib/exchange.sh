# shellcheck shell=bash
# The network: push first, and only when somebody else was faster fetch, replay in the object store and push again.
# Where somebody was the last time, the fetch comes first.
# Needs: repository, remote, replay, own_hooks, advance, report, lock.
# Sets: CONTAINED FRESH LEFT_BEFORE NETWORK_PID PARKED REMOTE_MOVED REPLAYED_PAIRS SEEN TIP TOLD_REWRITTEN UPSTREAM.

readonly EXCHANGE_ATTEMPTS=40

# exchange: brings HEAD's commits to the remote. Sets SEEN (the remote's tip) and TIP (what the tree shall hold).
# 0, or an exit code; the commits are safe here in any case.
exchange() {
  local attempt status
  TIP=$HEAD_OID FRESH='' OTHERS_PUSHED=''
  [ -n "$REMOTE" ] && [ -z "$NO_PUSH" ] || return 0
  read_seen
  end_fetch
  for ((attempt = 1; attempt <= EXCHANGE_ATTEMPTS; attempt++)); do
    check_history && plan_tip || return
    if [ "$TIP" = "$SEEN" ]; then ask_remote; else push_tip; fi
    status=$?
    case $status in
      0)
        close_exchange
        return
        ;;
      1) ;; # somebody was faster, and what they pushed is here now
      *) return "$status" ;;
    esac
  done
  problem "$EXIT_DEFERRED" warn "$(visible "$REMOTE") took other people's pushes $EXCHANGE_ATTEMPTS times before ours." \
    "Your work is committed here; the next sync sends it."
  return "$EXIT_DEFERRED"
}

close_exchange() {
  note_reached
  note_exchanged || return
  leave_out_contained
  [ -z "$FRESH" ] || printf '%s' "$OTHERS_PUSHED" >"$TREE/crowded"
  tell_replay # of the attempt that counted
  if [ ${#PARKED[@]} -gt 0 ]; then
    report_conflict
  else
    forget_conflict
  fi
}

# The remote's history only grows. Where it was rewritten (a secret taken out), pushing ours would bring it all back.
check_history() {
  local accepted
  read_accepted
  accepted=$ACCEPTED
  if [ -z "$SEEN" ]; then
    [ -n "$accepted" ] && [ -n "$ACCEPTED_OF" ] || return 0
    SEEN=$accepted # the branch was there: is it still?
    fetch_remote || return
  fi
  if [ -n "$accepted" ] && [ "$accepted" != "$SEEN" ] && [ -z "$FRESH" ] && is_ancestor "$SEEN" "$accepted"; then
    fetch_remote || return # git could not record what was pushed, or the remote was put back: only the remote knows
  fi
  if [ -n "$accepted" ] && [ "$accepted" != "$SEEN" ] && ! is_upstream "$accepted"; then
    if [ -n "$TAKE_UPSTREAM" ]; then
      # The old tip and the new one stand for the same moment: only what came after it is replayed.
      add_record "$TREE/pairs" "$accepted $SEEN taken" || return
    else
      problem "$EXIT_HELD" error "The history of $(visible "$REMOTE")/$(visible "$BRANCH") was rewritten: ${accepted:0:7} is no longer part of ${SEEN:0:7}." \
        "Nothing was pushed, nothing was received. Your commits are safe here." \
        "If that was meant (a secret taken out): $(sync_command) --take-upstream" \
        "If it was a mistake: git -C $(quoted "$TOP") push --force-with-lease=$(quoted "$BRANCH:$SEEN") $(quoted "$REMOTE") $(quoted "$accepted:refs/heads/$BRANCH")"
      return "$EXIT_HELD"
    fi
  fi
  [ "$accepted" = "$SEEN" ] || keep_accepted "$SEEN"
}

# is_upstream OID: whether the remote's tip holds that commit.
is_upstream() {
  if [ -n "$HEAD_OID" ]; then
    relate || return
    case "$SHARED$BEHIND_OIDS" in *" $1 "*) return 0 ;; esac
  fi
  is_ancestor "$1" "$SEEN"
}

# TIP: HEAD itself when it already contains what the remote has, else HEAD's own commits replayed on top of that.
plan_tip() {
  TIP=$HEAD_OID UPSTREAM=$SEEN PARKED=() REPLAYED_PAIRS=() CONTAINED=()
  if [ -z "$HEAD_OID" ]; then
    TIP=$SEEN
  elif holds_taken_back; then
    replay_onto "$SEEN"
  elif [ -z "$SEEN" ] || [ "$SEEN" = "$HEAD_OID" ] || [ "$SEEN" = "$COMMIT_PARENT" ]; then
    :
  else
    relate || return
    plan_by_relation
  fi
}

plan_by_relation() {
  if [ -z "$SEEN_TREE" ]; then
    : # HEAD holds the remote's tip
  elif [ -z "$AHEAD" ]; then
    TIP=$SEEN
    tell_rewritten_here
  else
    tell_rewritten_here
    replay_onto "$SEEN"
  fi
}

# The remote was put back to an older commit, and that was accepted: what it lost is still in HEAD, and not ours to send.
holds_taken_back() {
  [ -n "$SEEN" ] && [ -s "$TREE/pairs" ] || return 1
  find_pair "$SEEN"
  [ -n "$PAIR_LOCAL" ] && is_ancestor "$PAIR_PUSHED" "$PAIR_LOCAL"
}

# A tip of the remote that HEAD held once and holds no more: somebody amended, rebased or reset what had been pushed.
tell_rewritten_here() {
  local held='' of
  read -r held of 2>/dev/null <"$TREE/received" || return 0
  [ -z "$of" ] || [ "$of" = "$BRANCH" ] || return 0
  case $held in "$HEAD_OID" | "$COMMIT_PARENT" | "$TOLD_REWRITTEN") return 0 ;; esac
  is_ancestor "$held" "$HEAD_OID" && return 0
  TOLD_REWRITTEN=$held
  note_fact "[INFO] Pushed commits were rewritten here (amend, rebase or reset): ${held:0:7} is no longer in $(visible "$BRANCH") of this folder. What was pushed stays; what you have now was laid on top of it. To take something out, edit the files and sync."
}

# Nothing to send: is there something to take? One short trip when not. 0 the remote's tip is SEEN; 1 it moved and was
# fetched; else an exit code.
ask_remote() {
  local status=1
  [ -z "$FRESH" ] || return 0
  if [ -z "$REMOTE_MOVED" ]; then
    remote_is_seen
    status=$?
  fi
  REMOTE_MOVED=''
  [ "$status" -eq 1 ] || return "$status"
  fetch_remote || return
  return 1
}

# push_tip: 0 done, or settled with a remote that refused some of it; 1 lost the race; else an exit code.
push_tip() {
  local old=$SEEN
  require_lock || return
  checkpoint push
  LEFT_BEFORE=${#LEFT_OUT[@]}
  find_unsafe_commits && fetch_before_parting "$old" || return
  [ "$TIP" = "$HEAD_OID" ] || keep_pair "$TIP" || return
  if [ $((${#UNSAFE[@]} + ${#STRIPPED[@]})) -gt 0 ]; then
    : >"$WORK/push-error"
    settle_refusal
    return
  fi
  may_push || {
    settle_hook_refusal "$?" "$old"
    return
  }
  begin_receive
  expect_tracking_lock
  # Only where the remote still is where we think: put back to an older commit, it would take its removed ones again.
  if network "$WORK/error" git -C "$TOP" push --no-verify --porcelain "--force-with-lease=refs/heads/$BRANCH:$SEEN" \
    "$REMOTE" "$TIP:refs/heads/$BRANCH" >"$WORK/push"; then
    expect_git_locks
    checkpoint pushed
    note_pushed "$TIP"
    rename_commits ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"}
    record_push
    return 0
  fi
  printf '%s\n' "$(<"$WORK/error")" >"$WORK/push-error"
  step_aside
  fetch_remote || return
  [ "$SEEN" = "$old" ] || return 1
  if find_git_lock "$(<"$WORK/push-error")"; then
    meet_remote_lock
    return
  fi
  settle_push_answer || {
    [ "$?" -eq 1 ] || return "$EXIT_INTERNAL"
    settle_refusal
  }
}

# Who has lost before lets others go first, the longer the more often, each for another while: before the fetch, so that
# from there to the push as little time goes by as can be.
step_aside() {
  [ "$attempt" -lt 2 ] || pause $((RANDOM % (60 * (attempt < 10 ? attempt : 10)) + 1))
}

note_pushed() {
  local new=$1
  if [ -n "$SEEN" ]; then note_push "${SEEN:0:7}..${new:0:7}"; else note_push "new ${new:0:7}"; fi
  SEEN=$new
  keep_accepted "$SEEN" || : # said; what has arrived has arrived
}

# A commit whose change the remote has already is none that was saved: somebody had taken pushed commits back by
# `git reset --soft`, and the snapshot found their changes again.
leave_out_contained() {
  local pair there=' '
  [ ${#COMMITS[@]} -gt 0 ] && [ -n "$UPSTREAM" ] || return 0
  # Made anew within the same second it is the same commit. What this run has sent is upstream as well.
  [ -n "$PUSHED$FRESH" ] || there+="$UPSTREAM "
  for pair in ${CONTAINED[@]+"${CONTAINED[@]}"}; do there+="${pair%% *} "; done
  for pair in ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"}; do [ "${pair#* }" != "$UPSTREAM" ] || there+="${pair%% *} "; done
  ! drop_commits "$there" || note_fact "[INFO] Not saved again: $(visible "$REMOTE") has these changes already."
}

# Where the last exchange met somebody else's push, ours would mostly be lost: what they have is fetched first, while the
# tree is read. That is one trip less if they have pushed again, and one more if they have not.
begin_fetch() {
  [ -n "$REMOTE" ] && [ -z "$NO_PUSH$DRY_RUN" ] && [ -s "$TREE/crowded" ] || return 0
  read_seen
  FETCH_FROM=$SEEN
  compose_fetch
  expect_tracking_lock
  hold_by_stdin exec "${FETCH[@]}" 2>"$WORK/fetch-error" &
  FETCHING=$!
}
FETCHING=''

# One that failed is as if there had been none: the push tells why. Where nothing can be reached it is not tried again.
end_fetch() {
  [ -n "$FETCHING" ] || return 0
  NETWORK_PID=$FETCHING
  [ -z "$TIMED_OUT" ] || end_network
  if wait "$FETCHING"; then note_fetched "$FETCH_FROM"; else : >"$TREE/crowded"; fi
  FETCHING='' NETWORK_PID=''
  expect_git_locks
}

drop_fetch() {
  [ -z "$FETCHING" ] || kill -TERM "$FETCHING" 2>/dev/null
  [ -z "$FETCHING" ] || expect_git_locks
  FETCHING=''
}

compose_fetch() {
  FETCH=(git -C "$TOP" fetch --quiet --no-tags --no-write-fetch-head --no-recurse-submodules "$REMOTE"
    "+refs/heads/$BRANCH:refs/remotes/$REMOTE/$BRANCH")
}

expect_tracking_lock() { expect_git_locks "$COMMON/refs/remotes/$REMOTE/$BRANCH.lock"; }

fetch_remote() {
  local status=0
  compose_fetch
  expect_tracking_lock
  until network "$WORK/error" "${FETCH[@]}"; do
    find_git_lock "$(<"$WORK/error")" && outwait_git_lock || status=1
    [ "$status" -eq 0 ] || break
  done
  expect_git_locks
  [ "$status" -eq 0 ] || {
    case $(<"$WORK/error") in
      *"couldn't find remote ref"*)
        [ -z "$SEEN" ] || report_branch_gone
        return
        ;;
    esac
    report_unreachable
    return
  }
  note_fetched "$SEEN"
}

note_fetched() {
  FRESH=1
  checkpoint fetched
  read_seen
  [ "$SEEN" = "$1" ] || OTHERS_PUSHED=1
}
