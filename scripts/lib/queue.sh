# shellcheck shell=bash
# The queue: contention becomes batching. Who finds the lock taken leaves a request; who has the lock serves every
# request that was there before it read the tree, with one exchange for all. N syncs at once cost about two.
#
#   queue/ID     in the tree's state: claim, session, message of a request. ID is the token of its claim
#   results/ID   the answer: the tip that holds the work, and the outcome. A torn one has no last word
#
# Both are hints. What a request came to stands in the commits (trailer `Request:`): a leader that dies leaves the
# request, the next one serves it again and says the same, and whoever waits may take the lock itself at any time.
# Needs: lock, repository, identity, commit, split, results.
# Sets: CALLERS CHANGED CHANGE_KINDS EXTRA_ROUNDS GLANCE HEAD_OID LOCK_LITTER LOG_FILES LOG_PATH REQUEST SAVED_ADDED
#   SAVED_ARTICLES SAVED_FILES SAVED_KINDS SAVED_REMOVED WHOSE WISH.

readonly MORE_ROUNDS=3         # for requests that come while others are being saved
readonly ANSWER_END='end of 4' # another version's answer is taken for torn

# A request for less or more than a plain sync waits for the lock itself.
may_be_served() {
  [ "$JOB" = sync ] && [ -z "$NO_PUSH$DRY_RUN$TAKE_UPSTREAM" ] && [ $((${#WANTED[@]} + ${#ALLOWED[@]})) -eq 0 ]
}

forget_requests() { REQUEST='' SERVED=() SERVED_CLAIMS=() SERVED_SESSIONS=() SERVED_MESSAGES=() EXTRA_ROUNDS=0 LOCK_LITTER=(); }

# --- who waits ------------------------------------------------------------------

# Called by acquire_lock when the lock is taken. One printf is one write; a reader takes no request without its `end`.
begin_waiting() {
  may_be_served && [ -n "${TREE:-}" ] || return 0
  [ -d "$TREE/results" ] || mkdir -p "$TREE/queue" "$TREE/results" 2>/dev/null || return 0
  printf 'claim=%s\nsession=%s\nwhose=%s\nmessage=%s\nend\n' "${LOCK_RECORD##*/}" "$SESSION" "$WHOSE" "$MESSAGE" \
    2>/dev/null >"$TREE/queue/$LOCK_TOKEN" || return 0
  REQUEST=$LOCK_TOKEN
  checkpoint queued
}

is_served() { [ -n "$REQUEST" ] && [ -e "$TREE/results/$REQUEST" ] && read_answer; }

# read_answer: sets ANSWER, the fields that answer_requests writes. 1 when it is torn.
read_answer() {
  local field
  ANSWER=()
  while IFS= read -r -d '' field; do ANSWER+=("$field"); done 2>/dev/null <"$TREE/results/$REQUEST"
  [ ${#ANSWER[@]} -gt 0 ] && [ "${ANSWER[${#ANSWER[@]} - 1]}" = "$ANSWER_END" ]
}

# The results of a run that another one has done for us.
take_answer() {
  local line
  LOCK_LITTER+=("$TREE/results/$REQUEST" "$TREE/queue/$REQUEST")
  read -r line <"$GIT_FOLDER/HEAD" && choose_branch "${line#ref: refs/heads/}" || return
  [ "$ROLE" != main ] || load_identity "$TOP" || return
  HEAD_OID=${ANSWER[0]}
  take_outcome "${ANSWER[@]:1:${#ANSWER[@]}-2}"
  find_own_commits
  [ ${#COMMITS[@]} -gt 0 ] || note_push ''
  info "Another sync has done this one's work."
}

# What became of our request, as the commits tell it.
find_own_commits() {
  local line found=()
  [ -n "$REQUEST" ] && [ ${#COMMITS[@]} -eq 0 ] && [ -n "$HEAD_OID" ] || return 0
  while IFS= read -r line; do
    [ -z "$line" ] || found+=("$line")
  done < <(git -C "$TOP" log --reverse --since=2.hours --fixed-strings --grep="Request: $REQUEST" --format='%H %s' "$HEAD_OID" 2>/dev/null)
  [ ${#found[@]} -gt 0 ] || return 0
  note_commits ${#found[@]} "${found[@]}"
  line=${COMMITS[${#COMMITS[@]} - 1]}
  # Not through our work folder: it is the leader's.
  parse_changes < <(git -C "$TOP" diff-tree -r -z --no-renames --raw --numstat "${line%% *}^" "${line%% *}" 2>/dev/null)
  find_log_in_changes
  count_changes
}

# --- who has the lock -----------------------------------------------------------

# Before the tree is read: what was written before its request was queued is then seen.
take_requests() {
  local file before=${#SERVED[@]} others
  may_be_served || return 0
  remove_old_answers
  for file in "$TREE"/queue/*; do
    [ -f "$file" ] && ! is_taken "${file##*/}" && read_request "$file"
  done
  [ ${#SERVED[@]} -gt "$before" ] || return 0
  GLANCE=() # older than these requests
  others=${#SERVED[@]}
  [ -z "$REQUEST" ] || others=$((others - 1))
  [ "$others" -eq 0 ] || info "Serving $(count_of "$others" 'other session')."
  checkpoint requests-taken
}

is_taken() {
  local id
  for id in ${SERVED[@]+"${SERVED[@]}"}; do [ "$id" = "$1" ] && return 0; done
  return 1
}

read_request() {
  local line claim='' session='' whose='' message='' whole=''
  while IFS= read -r line; do
    case $line in
      claim=*) claim=${line#*=} ;;
      session=*) session=${line#*=} ;;
      whose=*) whose=${line#*=} ;;
      message=*) message=${line#*=} ;;
      end) whole=1 ;;
    esac
  done <"$1"
  case $claim in */* | '') return 1 ;; esac
  [ -n "$whole" ] || return 1
  SERVED+=("${1##*/}")
  SERVED_CLAIMS+=("$claim")
  SERVED_SESSIONS+=("$session")
  SERVED_MESSAGES+=("$message")
  # The widest wish counts: mine, nothing said, all.
  case $WHOSE/$whose in */all) WHOSE=all ;; mine/) WHOSE='' ;; esac
}

# Requests that came while the tree was read: once more round, so that one exchange serves them too. Not for ever.
more_requests_wait() {
  local file
  may_be_served && [ "$EXTRA_ROUNDS" -lt "$MORE_ROUNDS" ] || return 1
  for file in "$TREE"/queue/*; do
    [ -f "$file" ] && ! is_taken "${file##*/}" || continue
    EXTRA_ROUNDS=$((EXTRA_ROUNDS + 1))
    return 0
  done
  return 1
}

# name_callers: sets CALLERS, the sessions that save: ours and those that we serve. Of a session without a ledger nobody
# can tell what is its own: once its commit is made, a further round is for the others alone.
name_callers() {
  local id
  CALLERS=()
  for id in "$SESSION" ${SERVED_SESSIONS[@]+"${SERVED_SESSIONS[@]}"}; do
    if [ -z "$id" ] || contains "$id" ${CALLERS[@]+"${CALLERS[@]}"}; then continue; fi
    if [ "$id" = "$SESSION" ] && [ "$OWN_COMMITS" -gt 0 ] && [ ! -d "$TREE/sessions/$id" ]; then continue; fi
    CALLERS+=("$id")
  done
}

# is_for_commit N: whether the commit that is being made holds what the Nth request asked for.
is_for_commit() {
  local session=${SERVED_SESSIONS[$1]}
  if [ -z "$session" ]; then
    [ -z "$COMMIT_IDS" ] || [ ${#SPLITS[@]} -eq 1 ]
  else
    case ",$COMMIT_IDS," in *",$session,"*) ;; *) return 1 ;; esac
  fi
}

print_request_trailers() {
  local i
  for ((i = 0; i < ${#SERVED[@]}; i++)); do
    ! is_for_commit "$i" || printf 'Request: %s\n' "${SERVED[i]}"
  done
}

# Sets WISH: the subject that somebody asked for with -m; the caller's counts first.
wished_subject() {
  local i
  WISH=''
  ! takes_message || WISH=$MESSAGE
  for ((i = 0; i < ${#SERVED[@]}; i++)); do
    [ -z "$WISH" ] && is_for_commit "$i" && WISH=${SERVED_MESSAGES[i]}
  done
}

# The other subjects that were asked for, where one commit is for several.
print_wished_subjects() {
  local i message seen=$'\n'$SUBJECT$'\n'
  for ((i = 0; i < ${#SERVED[@]}; i++)); do
    message=${SERVED_MESSAGES[i]}
    is_for_commit "$i" && [ -n "$message" ] || continue
    case $seen in *$'\n'"$message"$'\n'*) continue ;; esac
    printf 'Also: %s\n' "$message"
    seen+=$message$'\n'
  done
}

# What the summary tells of the caller's commit: a further round may make commits for others.
keep_own_changes() {
  OWN_FACTS=("$LOG_PATH" "$LOG_FILES" "$SAVED_FILES" "$SAVED_ADDED" "$SAVED_REMOVED"
    "$SAVED_ARTICLES" "$SAVED_KINDS")
  OWN_CHANGED=(${CHANGED[@]+"${CHANGED[@]}"}) OWN_KINDS=(${CHANGE_KINDS[@]+"${CHANGE_KINDS[@]}"})
}

recall_own_changes() {
  LOG_PATH=${OWN_FACTS[0]} LOG_FILES=${OWN_FACTS[1]}
  SAVED_FILES=${OWN_FACTS[2]} SAVED_ADDED=${OWN_FACTS[3]} SAVED_REMOVED=${OWN_FACTS[4]}
  SAVED_ARTICLES=${OWN_FACTS[5]} SAVED_KINDS=${OWN_FACTS[6]}
  CHANGED=(${OWN_CHANGED[@]+"${OWN_CHANGED[@]}"}) CHANGE_KINDS=(${OWN_KINDS[@]+"${OWN_KINDS[@]}"})
}

# After the exchange, with the lock still ours. Whatever else it ended with, the waiters try themselves.
answer_requests() {
  local i
  [ -z "$REQUEST" ] || answer_ourselves
  case $REPO_EXIT in "$EXIT_OK" | "$EXIT_HELD" | "$EXIT_OFFLINE" | "$EXIT_REFUSED") ;; *) return 0 ;; esac
  [ ${#SERVED[@]} -gt 0 ] && verify_lock || return 0
  for ((i = 0; i < ${#SERVED[@]}; i++)); do
    LOCK_LITTER+=("$TREE/queue/${SERVED[i]}")
    ! is_refused_work "${SERVED_SESSIONS[i]}" || continue # its own sync tells why
    # Without a claim nobody waits: it gave up and said that the next sync does it.
    [ "${SERVED[i]}" != "$REQUEST" ] && [ -e "$LOCK_STATE/claims/${SERVED_CLAIMS[i]}" ] || continue
    { printf '%s\0' "${HEAD_OID:-}" && print_outcome "${SERVED_SESSIONS[i]}" && printf '%s\0' "$ANSWER_END"; } \
      2>/dev/null >"$TREE/results/${SERVED[i]}" || continue
    ring "$LOCK_STATE/claims/${SERVED_CLAIMS[i]}.alive"
    checkpoint answered
  done
}

# We got the lock in the end. A leader that died may have saved our work all the same.
answer_ourselves() {
  [ "$REPO_EXIT" -eq "$EXIT_DEFERRED" ] || LOCK_LITTER+=("$TREE/queue/$REQUEST" "$TREE/results/$REQUEST")
  [ "$REPO_EXIT" -eq 0 ] && find_own_commits
  if [ ${#COMMITS[@]} -gt 0 ] && [ -z "$PUSHED" ] && [ "$SEEN" = "$HEAD_OID" ]; then note_push "${HEAD_OID:0:7}"; fi
}

# The beacon of a waiter is its bell as well. Opened for both ways, so that nothing blocks where nobody listens; where it
# went at that moment, that makes a file of its name, which is never used again.
ring() {
  [ -p "$1" ] || return 0
  printf '\n' 2>/dev/null 1<>"$1" || :
  [ ! -f "$1" ] || rm -f "$1"
}

# The lock is free: those who are not served yet need not find out by and by.
ring_waiters() {
  local file key value
  for file in "${TREE:-/nonexistent}"/queue/*; do
    [ -f "$file" ] && IFS='=' read -r key value <"$file" 2>/dev/null && [ "$key" = claim ] || continue
    case $value in */* | '') ;; *) ring "$LOCK_STATE/claims/$value.alive" ;; esac
  done
}

# Answers that nobody came for: their claim is gone.
remove_old_answers() {
  local file claim
  for file in "$TREE"/results/*; do
    [ -f "$file" ] || continue
    for claim in "$LOCK_STATE"/claims/*."${file##*/}"; do [ -e "$claim" ] || LOCK_LITTER+=("$file"); done
  done
}
