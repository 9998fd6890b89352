# shellcheck shell=bash
# The repository's own git hooks. They meet a check worktree that holds the would-be commit, never the shared tree:
# a hook that stashes or formats there would destroy what others write at that moment.
# Needs: repository, report.

readonly HOOK_LIMIT_SECONDS=60

# has_own_hook NAME: and sets HOOKS_OPTION, the hooks folder by an absolute path (a relative one would be looked for in
# the check worktree, where generated hook files do not exist, and git would silently run nothing).
has_own_hook() {
  local folder=$CONFIG_HOOKS line=''
  HOOKS_OPTION=()
  case $folder in
    '') folder=$COMMON/hooks ;;
    \~/*) folder=$HOME/${folder#\~/} ;;
    /*) ;;
    *) folder=$TOP/$folder ;;
  esac
  [ -x "$folder/$1" ] || return 1
  # Our own shim (hooks/git/shim) stands for the hook that was there before it, if there was one.
  { read -r line && read -r line; } 2>/dev/null <"$folder/$1"
  case $line in '# Installed by claudetools'*) [ -x "$folder/$1.before" ] || return 1 ;; esac
  HOOKS_OPTION=(-c "core.hooksPath=$folder")
}

# prepare_check_tree COMMIT: CHECK_TREE, a linked worktree in our state, moved to COMMIT. Made once: a fresh one costs
# seconds in a large repository.
prepare_check_tree() {
  local commit=$1 line
  CHECK_TREE=$TREE/check
  if [ ! -e "$CHECK_TREE/.git" ]; then
    git -C "$TOP" worktree prune
    git -C "$TOP" -c core.hooksPath=/dev/null worktree add --quiet --force --detach "$CHECK_TREE" "$commit" 2>"$WORK/error" || {
      report_git_failure "git worktree add"
      return "$EXIT_INTERNAL"
    }
    link_tools
    return 0
  fi
  read -r line <"$CHECK_TREE/.git" && rm -f "${line#gitdir: }/index.lock"
  { git -C "$CHECK_TREE" -c core.hooksPath=/dev/null checkout --quiet --force --detach "$commit" &&
    git -C "$CHECK_TREE" clean -ffdq; } 2>"$WORK/error" && link_tools && return 0
  # Whatever state it is in, it is ours alone: make a new one.
  git -C "$TOP" worktree remove --force "$CHECK_TREE" 2>/dev/null || rm -rf "$CHECK_TREE"
  git -C "$TOP" worktree prune
  git -C "$TOP" -c core.hooksPath=/dev/null worktree add --quiet --force --detach "$CHECK_TREE" "$commit" 2>"$WORK/error" && link_tools && return 0
  report_git_failure "git worktree add"
  return "$EXIT_INTERNAL"
}

# Hooks find installed tools where they expect them: these two names, not a setting.
link_tools() {
  local name
  for name in node_modules .venv; do
    [ -d "$TOP/$name" ] && [ ! -e "$CHECK_TREE/$name" ] && ln -s "$TOP/$name" "$CHECK_TREE/$name"
  done
  return 0
}

# run_own_hooks: the repository's pre-commit on COMMIT_OID. Sets FIXED_TREE when it rewrote files ('' when not).
# 0; 1 when it refuses paths by name, which the next round leaves out; 65 when it refuses and names none.
run_own_hooks() {
  local status
  FIXED_TREE=''
  has_own_hook pre-commit || return 0
  prepare_check_tree "$COMMIT_OID" || return
  # HEAD at the parent, index and files at the commit: the hook sees exactly the change that is to be committed.
  if [ -n "$COMMIT_PARENT" ]; then
    hold_by_stdin git -C "$CHECK_TREE" reset --quiet --soft "$COMMIT_PARENT" 2>"$WORK/error" || return "$EXIT_INTERNAL"
  fi
  HOOK_SECONDS=$(seconds_left)
  [ "$HOOK_SECONDS" -lt "$HOOK_LIMIT_SECONDS" ] || HOOK_SECONDS=$HOOK_LIMIT_SECONDS
  run_limited "$HOOK_SECONDS" run_hook pre-commit >"$WORK/hook" 2>&1
  status=$?
  FIXED_TREE=$(git -C "$CHECK_TREE" add -A 2>/dev/null && git -C "$CHECK_TREE" write-tree 2>"$WORK/error") || return "$EXIT_INTERNAL"
  [ "$FIXED_TREE" != "$COMMIT_TREE" ] || FIXED_TREE=''
  if [ "$status" -ne 0 ] && [ -n "$FIXED_TREE" ]; then
    # A formatter fails once and is content with its own work: ask it again.
    run_limited "$HOOK_SECONDS" run_hook pre-commit >"$WORK/hook" 2>&1
    status=$?
  fi
  if [ "$status" -eq 0 ]; then
    [ -z "$FIXED_TREE" ] || [ ${#MADE[@]} -eq 1 ] || ! share_fixes || return 1
    return 0
  fi
  [ "$status" -eq 124 ] || ! peel_off_named_paths || return 1
  [ "$status" -eq 124 ] || ! peel_off_refused_commit || return 1
  report_hook_refusal "$status"
}

# The hook names no path, and there are several commits: the first that it refuses is left out of the next round, the
# others go. 1 when there is only one.
peel_off_refused_commit() {
  local i line lines=() ids words=$WORK/hook
  [ ${#MADE[@]} -gt 1 ] || return 1
  for ((i = 0; i < ${#MADE[@]} - 1; i++)); do
    prepare_check_tree "${MADE[i]%% *}" || return
    [ -z "$COMMIT_PARENT" ] || hold_by_stdin git -C "$CHECK_TREE" reset --quiet --soft "$COMMIT_PARENT" 2>"$WORK/error" || return
    run_limited "$HOOK_SECONDS" run_hook pre-commit >"$WORK/hook.below" 2>&1 && continue
    words=$WORK/hook.below
    break
  done
  ids=${MADE_IDS[i]}
  REFUSED_WORK+=("${ids:--}")
  while IFS= read -r line; do
    [ ${#lines[@]} -ge 8 ] || [ -z "$line" ] || lines+=("  $(visible "$line")")
  done <"$words"
  case ",$ids," in
    ,, | *",${SESSION:-none},"*)
      problem "$EXIT_HELD" error "Your repository's own pre-commit hook refused: $(visible "${MADE[i]#* }")" ${lines[@]+"${lines[@]}"} \
        "It was not committed; your files stay as they are, the other commits go. Mend what it says, then: $(sync_command)"
      ;;
    *) note_fact "[INFO] Left out, not yours: your pre-commit hook refuses $(visible "${MADE[i]#* }")." ;;
  esac
}

# A formatter rewrote what several sessions are about to commit: the folder gets its version first, so that the next
# round gives each session its own lines of it. 1 when that cannot be: then the last commit takes all of it.
share_fixes() {
  local new
  [ -z "$FIXES_SHARED" ] && [ "$BASE_OID" = "$HEAD_OID" ] && [ ! -s "$TREE/journal" ] && find_python || return 1
  FIXES_SHARED=1
  new=$(git -C "$TOP" commit-tree "$FIXED_TREE" -p "$COMMIT_OID" -m "With fixes" 2>"$WORK/error") || return 1
  run_advance begin --base "$COMMIT_OID" --new "$new" >/dev/null 2>"$WORK/error" || return 1
  note_fact "[INFO] Your pre-commit hook rewrote files; its version was saved."
}

# The changed paths that the hook's words name, each with the line that names it. 1 when there is none.
peel_off_named_paths() {
  local path line found=1
  for path in "${ALL_CHANGED[@]}"; do
    while IFS= read -r line; do
      case " $line " in
        *[\ \	\"\'\(\[]"$path"[\ \	:,\"\'\)\]]*)
          HOOK_REFUSED+=("$path")
          HOOK_WORDS+=("$line")
          found=0
          break
          ;;
      esac
    done <"$WORK/hook"
  done
  return "$found"
}

hold_what_hooks_refused() {
  local i path kept
  for ((i = 0; i < ${#HOOK_REFUSED[@]}; i++)); do
    path=${HOOK_REFUSED[i]}
    forget_path "$path" || {
      kept=()
      for path in ${GONE[@]+"${GONE[@]}"}; do [ "$path" = "${HOOK_REFUSED[i]}" ] || kept+=("$path"); done
      GONE=(${kept[@]+"${kept[@]}"})
    }
    hold "${HOOK_REFUSED[i]}" "your pre-commit hook refuses it" "It says: $(visible "${HOOK_WORDS[i]}")" \
      "Mend it, then: $(sync_command)"
  done
}

run_hook() {
  if [ "$CALLER_LC_ALL" = unset ]; then unset LC_ALL; else export LC_ALL=$CALLER_LC_ALL; fi
  CLAUDETOOLS_IN_SYNC=$LOCK_TOKEN hold_by_stdin git -C "$CHECK_TREE" ${HOOKS_OPTION[@]+"${HOOKS_OPTION[@]}"} hook run "$1"
}

# run_limited SECONDS COMMAND...: 124 when it took longer; then the command and all that it started are ended.
run_limited() {
  local limit=$1 pid began
  shift
  set -m
  ("$@") </dev/null &
  pid=$!
  set +m
  began=$(monotonic_ms)
  while kill -0 "$pid" 2>/dev/null; do
    if [ $(($(monotonic_ms) - began)) -ge $((limit * 1000)) ]; then
      kill -TERM -- "-$pid" 2>/dev/null
      pause 200
      kill -KILL -- "-$pid" 2>/dev/null
      wait "$pid" 2>/dev/null
      return 124
    fi
    pause 20
  done
  wait "$pid"
}

report_hook_refusal() {
  local status=$1 line lines=() why="refused this commit"
  [ "$status" -ne 124 ] || why="did not end within $HOOK_SECONDS s"
  while IFS= read -r line; do
    [ ${#lines[@]} -ge 8 ] || [ -z "$line" ] || lines+=("  $(visible "$line")")
  done <"$WORK/hook"
  problem "$EXIT_HELD" error "Your repository's own pre-commit hook $why." ${lines[@]+"${lines[@]}"} \
    "Nothing was committed; your files stay as they are. Mend what it says, then: $(sync_command)"
  return "$EXIT_HELD"
}

# What the repository's own formatter rewrote: the commit is replaced before it is pushed, the tree by compare-and-swap.
take_over_fixes() {
  local fixed before=$COMMIT_OID
  COMMIT_TREE=$FIXED_TREE
  write_commit "$COMMIT_BELOW" || return
  fixed=$COMMIT_OID
  REPLAYED_PAIRS=("$before $fixed")
  COMMITS[${#COMMITS[@]} - 1]="$fixed ${COMMITS[${#COMMITS[@]} - 1]#* }"
  advance_tree "$fixed" || return
  note_fact "[INFO] Your pre-commit hook rewrote files; its version was saved."
}
