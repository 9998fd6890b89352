# shellcheck shell=bash
# Which branch and remote are synced, and whether this tree is on it, alone, with nothing half done.
# Needs: repository, results, ui.
# Sets: BRANCH REMOTE.

# choose_branch: which branch and remote are synced. The tree has to be on that branch, with nothing half done. 0 or 78.
choose_branch() {
  local on=$1 line
  [ -n "$REMOTE" ] || choose_remote "$on"
  if [ -z "$BRANCH" ] && [ -n "$REMOTE" ] && read -r line 2>/dev/null <"$COMMON/refs/remotes/$REMOTE/HEAD"; then
    BRANCH=${line#ref: "refs/remotes/$REMOTE/"}
  fi
  # A vault has no installer that would have written its branch down.
  [ -n "$BRANCH" ] || [ "${ROLE:-main}" != vault ] || read -r BRANCH 2>/dev/null <"$TREE/branch"
  BRANCH=${BRANCH:-$on}
  if [ "$on" = "$BRANCH" ] && [ "$on" != '(detached)' ]; then
    refuse_second_tree
    return
  fi
  report_other_branch "$on"
  return "$EXIT_SETUP"
}

# A command is named only where it works: another worktree may have the branch, edits may be in the way, or there is none.
report_other_branch() {
  local on=$1 place synced advice=()
  place="on branch $(visible "$on")"
  if [ "$on" = '(detached)' ]; then
    place='on no branch (HEAD is detached)'
    [ "$BRANCH" != "$on" ] || find_only_branch
  fi
  if [ -n "$BRANCH" ]; then
    synced="$(visible "$BRANCH") is the branch that is synced"
    advise_switch
  else
    synced='none is named as the one that is synced'
    advice+=("Switch to the branch that is to be synced, then sync again.")
  fi
  if [ "$on" != '(detached)' ]; then
    advise_setting "$on"
  elif [ -n "$HEAD_OID" ] && [ -z "$(git -C "$TOP" for-each-ref --count=1 --contains "$HEAD_OID" refs/heads refs/remotes)" ]; then
    advice+=("Commits here are on no branch. Keep them: git -C $(quoted "$TOP") branch kept-${HEAD_OID:0:7} ${HEAD_OID:0:12}")
  fi
  problem "$EXIT_SETUP" error "This tree is $place; $synced." "Nothing was changed. ${advice[0]:-}" ${advice[@]+"${advice[@]:1}"}
}

find_only_branch() {
  BRANCH=$(git -C "$TOP" for-each-ref --count=2 --format='%(refname:lstrip=2)' refs/heads)
  case $BRANCH in *$'\n'*) BRANCH='' ;; esac
}

advise_switch() {
  local target=refs/heads/$BRANCH holder='' way
  way="git -C $(quoted "$TOP") switch $(quoted "$BRANCH")"
  if ! git -C "$TOP" rev-parse --quiet --verify "$target" >/dev/null; then
    target=refs/remotes/$REMOTE/$BRANCH
    git -C "$TOP" rev-parse --quiet --verify "$target" >/dev/null || {
      advice+=("There is no branch $(visible "$BRANCH") here.")
      return 0
    }
    way="git -C $(quoted "$TOP") switch -c $(quoted "$BRANCH") $(quoted "$REMOTE/$BRANCH")"
  fi
  holder=$(worktree_on "$BRANCH")
  if [ -n "$holder" ] && [ -d "$holder" ]; then
    advice+=("$(visible "$BRANCH") is checked out in $(visible "$holder"): it is synced there.")
  elif [ -n "$holder" ]; then
    advice+=("$(visible "$BRANCH") belongs to the worktree $(visible "$holder"), whose folder is gone. See: git -C $(quoted "$TOP") worktree list")
  elif git -C "$TOP" read-tree -n -m -u "${HEAD_OID:-$(empty_tree)}" "$target" >/dev/null 2>&1; then
    advice+=("Fix: $way")
  else
    advice+=("What is changed here is in the way. Commit it, then: $way")
  fi
}

# worktree_on BRANCH: the folder of the worktree that has it, '' for none.
worktree_on() {
  local line folder=''
  while IFS= read -r line; do
    case $line in
      'worktree '*) folder=${line#worktree } ;;
      "branch refs/heads/$1") printf '%s' "$folder" ;;
    esac
  done < <(git -C "$TOP" worktree list --porcelain 2>/dev/null)
}

# A linked worktree shares its configuration with the others, unless git is told otherwise; and where core.bare or
# core.worktree is set for all of them, to tell it so breaks them.
advise_setting() {
  local here how
  here="git -C $(quoted "$TOP")"
  if [ -n "$CONFIG_WORKTREES" ]; then
    how='config --worktree'
  elif [ "$GIT_FOLDER" = "$COMMON" ]; then
    how=config
  elif [ -z "$CONFIG_MAIN_ONLY" ]; then
    how="config extensions.worktreeConfig true && $here config --worktree"
  else
    return 0
  fi
  advice+=("To sync this one from now on: $here $how claudetools.branch $(quoted "$1")")
}

# Two working trees on one branch (git worktree add --force): git moves the branch for both, but files and index for the
# one that commits. In the other one all that was committed looks taken back, and a sync would send that.
refuse_second_tree() {
  local file line other folder leave=$TOP
  for file in "$COMMON/HEAD" "$COMMON"/worktrees/*/HEAD; do
    [ "$file" != "$GIT_FOLDER/HEAD" ] && read -r line 2>/dev/null <"$file" && [ "$line" = "ref: refs/heads/$BRANCH" ] || continue
    folder=${file%/HEAD}
    if [ "$folder" = "$COMMON" ]; then
      [ -z "$CONFIG_BARE" ] || continue
      other=${COMMON%/.git}
    else
      read -r other 2>/dev/null <"$folder/gitdir" || continue
      case $other in /* | [A-Za-z]:*) ;; *) other=$folder/$other ;; esac
      [ -e "$other" ] || continue # its folder was deleted
      other=${other%/.git}
      [ "$GIT_FOLDER" != "$COMMON" ] || leave=$other
    fi
    problem "$EXIT_SETUP" error "Two working trees are on branch $(visible "$BRANCH"): $(visible "$TOP") and $(visible "$other")." \
      "Nothing was changed: each would send the other's commits as deleted." \
      "Take one of them off the branch, its files stay as they are: git -C $(quoted "$leave") switch --detach"
    return "$EXIT_SETUP"
  done
}

# The branch's own remote, else origin; none where it is not there.
choose_remote() {
  local on=$1 pair
  for pair in ${BRANCH_REMOTES[@]+"${BRANCH_REMOTES[@]}"}; do
    [ "${pair%%=*}" = "$on.remote" ] && REMOTE=${pair#*=}
  done
  case $REMOTES in
    *" ${REMOTE:-origin} "*) REMOTE=${REMOTE:-origin} ;;
    *) REMOTE='' ;;
  esac
}

# Somebody's merge or rebase is theirs to finish: its half-done state must not be committed.
refuse_half_done_work() {
  local name what back=--abort
  for name in rebase-merge rebase-apply MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD BISECT_LOG; do
    [ -e "$GIT_FOLDER/$name" ] || continue
    case $name in
      rebase-*) if [ -e "$GIT_FOLDER/$name/applying" ]; then what=am; else what=rebase; fi ;;
      MERGE_HEAD) what=merge ;;
      CHERRY_PICK_HEAD) what=cherry-pick ;;
      REVERT_HEAD) what=revert ;;
      *) what=bisect back=reset ;;
    esac
    problem "$EXIT_SETUP" error "Somebody's git $what is in progress in $(visible "$TOP")." \
      "Nothing was changed. Finish it, or take it back: git -C $(quoted "$TOP") $what $back"
    return "$EXIT_SETUP"
  done
}

# HEAD as it is now. Read again before every write: a person may have switched branches meanwhile.
still_on_branch() {
  local line
  read -r line <"$GIT_FOLDER/HEAD" || return 1
  [ "$line" = "ref: refs/heads/$BRANCH" ] || [ "$line" = "ref: refs/heads/.invalid" ]
}
