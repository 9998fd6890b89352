#!/usr/bin/env bash
# Summary: Save and sync this repository and the vault.
# Usage: sync.sh [-m TEXT] [--wait S] [--no-push] [--dry-run] [--json] [--quiet] [--allow PATH] [-- PATH...]
#        sync.sh --points | --restore PATH@TIME | --status | --take-upstream
#
# Commits what changed, sends it, and brings in what others sent, without disturbing anybody who works in this tree.
# The working tree belongs to the sessions: commits are built, rebased and checked as git objects, and incoming files
# are exchanged one by one, each only if nobody edited it meanwhile. Nothing is stashed, reset or overwritten.
#
#   -m TEXT            the commit's subject
#   --wait S           seconds to wait for another sync (120; at most 75 in an agent's shell)
#   --no-push          commit here only
#   --dry-run          show what would be saved; changes nothing
#   --json             the result as one JSON object on stdout
#   --quiet            no talk on stderr
#   --allow PATH       send PATH although a gate holds it back (size, secret, name); a folder opens it for all below
#   --points           list the restore points of the last 14 days
#   --restore P@TIME   bring the file P back as it was at TIME
#   --status           who has the lock, and how the last sync ended
#   --take-upstream    accept that the remote's history was rewritten
#   -- PATH...         only these files and folders
#
# Exit status: 0 saved or nothing to do; 64 usage; 65 something was left out or needs you; 69 remote unreachable (your
# work is committed here); 70 internal; 73 lock or state cannot be created; 75 deferred, another sync runs; 77 refused
# by the remote; 78 not set up, wrong branch, or somebody's merge in progress; 128+N ended by signal N.
# Environment: CLAUDETOOLS_SESSION_ID, CLAUDE_CODE_SESSION_ID or CODEX_SESSION_ID name the session.
#   CLAUDETOOLS_PYTHON is the interpreter for the helpers.
set -uo pipefail

lib=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python lock report repository identity checks gates snapshot commit own_hooks \
  replay exchange advance recover points; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local main_exit
  parse_arguments "$@"
  refuse_to_run_inside_a_sync
  trap 'end_by_signal 129' HUP
  trap 'end_by_signal 130' INT
  trap 'end_by_signal 143' TERM
  trap 'release_lock' EXIT

  sync_repository . main
  FINAL_EXIT=$REPO_EXIT
  if [ "$JOB" = sync ] && [ -n "${ID_VAULT:-}" ]; then
    sync_vault
    main_exit=$FINAL_EXIT
    [ "$main_exit" -ne 0 ] || FINAL_EXIT=$REPO_EXIT
  fi
  [ -z "$JSON" ] || print_json
  exit "$FINAL_EXIT"
}

# One repository from the lock to the report. The vault goes through the very same steps.
sync_repository() {
  local folder=$1 role=$2
  reset_results
  begin_phase lock
  open_tree "$folder" && do_job "$role"
  end_phase
  release_lock || REPO_EXIT=$(worse_exit "$REPO_EXIT" "$?")
  [ "$JOB" != sync ] || write_history
  tell_result "$role"
}

open_tree() {
  open_repository "$1" && make_state || return
  if [ "$JOB" = status ]; then return 0; fi
  prepare_claim "$LOCK_STATE" "$TITLE" || {
    report_lock "$?" && return
    return "$REPO_EXIT"
  }
  acquire_lock "$WAIT" || {
    report_lock "$?" && return
    return "$REPO_EXIT"
  }
  export CLAUDETOOLS_IN_SYNC=$LOCK_TOKEN
  unset CLAUDETOOLS_REENTER
  checkpoint locked
  recover_from_dead_runs
}

do_job() {
  case $JOB in
    status) show_status ;;
    points) list_points ;;
    restore) look_at_tree "$1" && take_snapshot && restore_path "$RESTORE" ;;
    sync) sync_tree "$1" ;;
  esac
}

# Rounds, because others may commit by plain git between any two of our steps: a lost compare-and-swap is not an error.
sync_tree() {
  local role=$1 status
  COMMIT_PARENT='' COMMIT_OID='' LOG_PATH='' CHANGED=()
  refuse_half_done_work && finish_advance && carry_late_writes || return
  for ((ROUND = 1; ROUND <= 20; ROUND++)); do
    begin_phase snapshot
    look_at_tree "$role" || return
    save_changes
    status=$?
    [ "$status" -ne 1 ] || continue
    [ "$status" -eq 0 ] && [ -z "$DRY_RUN" ] || return "$status"
    begin_phase exchange
    exchange || return
    begin_phase advance
    receive
    status=$?
    [ "$status" -eq 1 ] || return "$status"
  done
  problem "$EXIT_DEFERRED" warn "Others commit here all the time: after 20 rounds the branch still moves." \
    "Nothing is lost. Run sync again."
  return "$EXIT_DEFERRED"
}

look_at_tree() {
  local role=$1
  read_status && choose_branch "$HEAD_BRANCH" || return
  if [ "$role" = main ] && [ "$ROUND" -eq 1 ]; then
    load_identity "$TOP" && reconcile_git_config || return
    tell_identity_problems
  elif [ "$ROUND" -eq 1 ]; then
    reconcile_git_config || return
  fi
  find_base
}

# 0 saved, or nothing to save; 1 go round again; else an exit code.
save_changes() {
  COMMIT_PARENT=$HEAD_OID
  if [ $((${#PATHS[@]} + ${#GONE[@]} + ${#UNSTAGED[@]} + ${#UNMERGED[@]})) -eq 0 ] && [ "$BASE_OID" = "$HEAD_OID" ]; then
    return 0
  fi
  take_snapshot || return
  [ -n "$BASE_OID" ] || BASE_OID=''
  split_commits || return
  read_changes "${HEAD_OID:-$(empty_tree)}" "$COMMIT_TREE" || return
  [ ${#CHANGED[@]} -gt 0 ] || return 0
  find_log_in_changes
  count_changes
  if [ -n "$DRY_RUN" ]; then
    COMMITS+=("${COMMIT_TREE} $(compose_subject)")
    return 0
  fi
  write_commit || return
  begin_phase check
  run_own_hooks || return
  begin_phase commit
  land_commit || return
  [ -z "$FIXED_TREE" ] || take_over_fixes
  prune_points
}

# What the repository's own formatter rewrote: the commit is replaced before it is pushed, the tree by compare-and-swap.
take_over_fixes() {
  local fixed
  COMMIT_TREE=$FIXED_TREE
  HEAD_OID=$COMMIT_PARENT write_commit || return
  fixed=$COMMIT_OID
  COMMITS[${#COMMITS[@]} - 1]="$fixed ${COMMITS[${#COMMITS[@]} - 1]#* }"
  advance_tree "$fixed" || return
  note_fact "[INFO] Your pre-commit hook rewrote files; its version was saved."
}

count_changes() {
  local i
  SAVED_FILES=${#CHANGED[@]} SAVED_ADDED=0 SAVED_REMOVED=0
  for ((i = 0; i < ${#LINES_ADDED[@]}; i++)); do
    case ${LINES_ADDED[i]} in -) ;; *) SAVED_ADDED=$((SAVED_ADDED + LINES_ADDED[i])) SAVED_REMOVED=$((SAVED_REMOVED + LINES_REMOVED[i])) ;; esac
  done
}

# 0 the tree holds what the remote has, or had nothing to take; 1 go round again; else an exit code.
receive() {
  local before=$HEAD_OID status
  [ "$TIP" != "$HEAD_OID" ] || [ "$BASE_OID" != "$HEAD_OID" ] || return 0
  advance_tree "$TIP"
  status=$?
  [ "$status" -eq 0 ] || return "$status"
  rm -f "$TREE/pairs"
  count_received "$before"
}

count_received() {
  local before=$1 name names='' lines count=0
  lines=$(git -C "$TOP" log --no-merges --format=%an --invert-grep --grep="^Machine: $ID_MACHINE\$" ${before:+"^$before"} "$TIP" 2>/dev/null)
  while IFS= read -r name; do
    [ -n "$name" ] || continue
    count=$((count + 1))
    name=$(visible "$name")
    case ", $names, " in *", $name, "*) ;; *) names="${names:+$names, }$name" ;; esac
  done <<<"$lines"
  RECEIVED_COMMITS=$((RECEIVED_COMMITS + count))
  RECEIVED_FROM=$names
}

# The vault's trouble never hides or undoes what main did: it has its own report and its own exit code.
sync_vault() {
  local folder=$ID_VAULT top=$TOP
  case $folder in '~/'*) folder=$HOME/${folder#'~/'} ;; /* | [A-Za-z]:*) ;; *) folder=$TOP/$folder ;; esac
  WANTED=() MESSAGE=''
  if [ "$(cd "$folder" 2>/dev/null && git rev-parse --show-toplevel 2>/dev/null)" = "$top" ]; then
    reset_results
    problem "$EXIT_SETUP" error "The vault $(visible "$ID_VAULT") lies inside this repository." "Give it a repository of its own, then correct vault_path in .claude/identity.json"
    tell_result vault
    return
  fi
  sync_repository "$folder" vault
}

# --- arguments and words -------------------------------------------------------

parse_arguments() {
  JOB=sync MESSAGE='' WAIT='' NO_PUSH='' DRY_RUN='' JSON='' RESTORE='' TAKE_UPSTREAM='' ROUND=1
  ALLOWED=() WANTED=() JSON_PARTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        print_header "${BASH_SOURCE[0]}"
        exit 0
        ;;
      -m | --message) need_value "$@" && MESSAGE=$2 && shift ;;
      --wait) need_value "$@" && WAIT=$2 && shift ;;
      --allow) need_value "$@" && ALLOWED+=("$2") && shift ;;
      --restore) need_value "$@" && JOB=restore RESTORE=$2 && shift ;;
      --no-push) NO_PUSH=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --json) JSON=1 ;;
      --quiet) QUIET=1 ;;
      --points) JOB=points ;;
      --status) JOB=status ;;
      --take-upstream) TAKE_UPSTREAM=1 ;;
      --)
        shift
        [ $# -gt 0 ] || usage_error "-- needs at least one path."
        WANTED=("$@")
        break
        ;;
      *) usage_error "Unknown argument: $(visible "$1")" ;;
    esac
    shift
  done
  case $MESSAGE in *$'\n'*) usage_error "-m takes one line." ;; esac
  case $WAIT in *[!0-9]*) usage_error "--wait takes whole seconds, not '$(visible "$WAIT")'." ;; esac
  # An agent's shell is killed after 120 s by default: end before that, with an answer.
  if [ -n "${CLAUDECODE:-}" ]; then
    [ -n "$WAIT" ] && [ "$WAIT" -le 75 ] || WAIT=75
  fi
  WAIT=${WAIT:-120}
  SESSION=${CLAUDETOOLS_SESSION_ID:-${CLAUDE_CODE_SESSION_ID:-${CODEX_SESSION_ID:-}}}
  case $SESSION in *[!A-Za-z0-9._-]*) SESSION='' ;; esac
  TITLE=${CLAUDETOOLS_SESSION_TITLE:-${SESSION:+sync of session ${SESSION:0:4}}}
  TITLE=${TITLE:-sync}
  paths_from_top
}

# Paths of the caller are relative to its folder, ours to the top of the tree.
paths_from_top() {
  local prefix i
  [ $((${#WANTED[@]} + ${#ALLOWED[@]})) -gt 0 ] || return 0
  prefix=$(git rev-parse --show-prefix 2>/dev/null) || prefix=''
  for ((i = 0; i < ${#WANTED[@]}; i++)); do WANTED[i]=$(path_from_top "$prefix" "${WANTED[i]}"); done
  for ((i = 0; i < ${#ALLOWED[@]}; i++)); do ALLOWED[i]=$(path_from_top "$prefix" "${ALLOWED[i]}"); done
}

path_from_top() {
  local prefix=$1 path=$2 top
  case $path in
    /*)
      top=$(git rev-parse --show-toplevel 2>/dev/null)
      path=${path#"$top"}
      prefix=''
      ;;
  esac
  path=$prefix${path#/}
  while :; do
    case $path in
      ./*) path=${path#./} ;;
      */./*) path=${path%%/./*}/${path#*/./} ;;
      */.) path=${path%/.} ;;
      */) path=${path%/} ;;
      *) break ;;
    esac
  done
  # The sentinel keeps a newline at the end of a name from being lost.
  printf '%s' "${path:-.}"
}

need_value() { [ $# -ge 2 ] || usage_error "$1 needs a value."; }

usage_error() { die "$EXIT_USAGE" "$1" "See: $(sync_command) --help"; }

# A hook of a sync that starts a sync would wait for itself.
refuse_to_run_inside_a_sync() {
  local common
  [ -n "${CLAUDETOOLS_IN_SYNC:-}" ] && [ "$JOB" = sync ] || return 0
  common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || return 0
  LOCK_DIR=$common/claudetools-sync.lock
  if read_owner && [ "$OWNER_TOKEN" = "$CLAUDETOOLS_IN_SYNC" ]; then
    say "[DEFERRED] This was started from within a sync. Its files go with the next one."
    exit "$EXIT_DEFERRED"
  fi
}

report_lock() {
  case $1 in
    "$EXIT_DEFERRED")
      problem "$EXIT_DEFERRED" deferred "Another sync is running. Your files are on disk; the next sync sends them." \
        "${LOCK_MESSAGE:-$(describe_owner)} See it: $(sync_command) --status"
      ;;
    *)
      problem "$EXIT_CANNOT_CREATE" error "The lock cannot be created: $(visible "$LOCK_MESSAGE")" \
        "Nothing was changed; your files are on disk."
      ;;
  esac
  return 1
}

tell_identity_problems() {
  local text
  [ "$ID_SOURCE" != derived ] || note_fact "[INFO] Not set up yet; you are $ID_NAME by git's user.email. Make it yours: bash $(setup_command)"
  for text in ${ID_PROBLEMS[@]+"${ID_PROBLEMS[@]}"}; do note_fact "[WARN] $(visible "$text")"; done
}

show_status() {
  local word oid when
  if [ -e "$LOCK_DIR/owner" ]; then say "Running: $(describe_owner)"; else say "Running: no sync"; fi
  read -r word oid when 2>/dev/null <"$STATE/status" && say "Last sync: $word, at $oid, $(clock_time "$when")"
  return 0
}

tell_result() {
  local role=$1
  [ "$JOB" != status ] && [ "$JOB" != points ] || [ "$REPO_EXIT" -ne 0 ] || return 0
  if [ -n "$JSON" ]; then
    JSON_PARTS+=("\"$role\": $(json_repository)")
  elif [ "$JOB" = restore ]; then
    print_problems
    for role in ${FACTS[@]+"${FACTS[@]}"}; do say "$role"; done
  elif [ "$role" = vault ]; then
    print_vault
  else
    print_repository
  fi
}

print_vault() {
  if [ "$REPO_EXIT" -eq 0 ] && [ ${#PROBLEMS[@]} -eq 0 ]; then
    if [ -n "$PUSHED" ]; then
      say "Vault:  ${TIP:0:7} pushed"
    elif [ ${#COMMITS[@]} -gt 0 ]; then
      say "Vault:  ${HEAD_OID:0:7} saved here"
    else
      say "Vault:  nothing to do"
    fi
  else
    say "Vault:"
    print_repository
  fi
}

print_json() {
  local part comma=''
  printf '{"exit": %s, ' "$FINAL_EXIT"
  for part in "${JSON_PARTS[@]}"; do
    printf '%s%s' "$comma" "$part"
    comma=', '
  done
  printf '}\n'
}

end_by_signal() {
  trap - HUP INT TERM
  error "Ended by a signal. Nothing is lost; the next sync goes on from here."
  exit "$1"
}

main "$@"
