# shellcheck shell=bash
# The repository's own pre-commit hook, once for all that goes out, and what becomes of what a hook refuses: it keeps nobody
# else's work back.
# Needs: repository, report, check_tree, run_hook, commit.
# Sets: COMMIT_OID COMMIT_TREE FIXED_TREE FIXES_SHARED HOOK_REFUSED HOOK_WORDS MADE REFUSED_WORK SAVING_REFUSED
#   SNAPSHOT_WHOLE.

# run_own_hooks: for MADE, before it is on the branch. 0; 1 when they refuse something that the next round leaves out; 65
# with SAVING_REFUSED when nothing of it may be saved; else another exit code.
run_own_hooks() { ask_pre_commit && run_message_hooks; }

# ask_pre_commit: on COMMIT_OID, the tip. Sets FIXED_TREE when it rewrote files ('' when not).
ask_pre_commit() {
  FIXED_TREE=''
  find_hook pre-commit || return 0
  prepare_check_tree "$COMMIT_OID" "$COMMIT_PARENT" || return
  run_hook pre-commit "$COMMIT_OID"
  collect_fixes || return
  if [ "$HOOK_STATUS" -ne 0 ] && [ -z "$HOOK_BROKE" ] && [ -n "$FIXED_TREE" ]; then
    # A formatter fails once and is content with its own work: ask it again.
    run_hook pre-commit "$COMMIT_OID"
    collect_fixes || return
  fi
  if [ "$HOOK_STATUS" -eq 0 ]; then
    [ -n "$FIXED_TREE" ] || return 0
    if [ ${#MADE[@]} -gt 1 ] || [ "$FIXED_TREE" = "$(git -C "$TOP" rev-parse --quiet --verify "$COMMIT_PARENT^{tree}")" ]; then
      ! share_fixes || return 1
    fi
    use_fixes
    return
  fi
  FIXED_TREE=''
  if [ -z "$HOOK_BROKE" ]; then
    ! peel_off_named_paths || return 1
    if [ ${#MADE[@]} -gt 1 ]; then
      peel_off_refused_commit
      return
    fi
  fi
  report_hook_refusal pre-commit
}

# The hook names no path, and there are several commits: the first that it refuses is left out of the next round, the
# others go. 1, or an exit code.
peel_off_refused_commit() {
  local i words=$WORK/hook.tip
  cp "$WORK/hook" "$words" || return "$EXIT_CANNOT_CREATE"
  for ((i = 0; i < ${#MADE[@]} - 1; i++)); do
    prepare_check_tree "${MADE[i]%% *}" "$COMMIT_PARENT" || return
    run_hook pre-commit "${MADE[i]%% *}"
    [ "$HOOK_STATUS" -ne 0 ] || continue
    words=$WORK/hook
    break
  done
  peel_off "$i" pre-commit "$words"
}

# peel_off N HOOK WORDS: the next round goes without the work of the Nth commit. 1.
peel_off() {
  local ids=${MADE_IDS[$1]} subject
  subject=$(visible "${MADE[$1]#* }")
  REFUSED_WORK+=("${ids:--}")
  case ",$ids," in
    ,, | *",${SESSION:-none},"*)
      read_hook_words "$3"
      problem "$EXIT_HELD" error "Your repository's own $2 hook refused: $subject" ${HOOK_LINES[@]+"${HOOK_LINES[@]}"} \
        "It was not committed; your files stay as they are, the other commits go. $(way_to_mend "$2")"
      ;;
    *) note_fact "[INFO] Left out, not yours: your $2 hook refuses $subject." ;;
  esac
  return 1
}

# Whether what this session asked for was refused: it is told when it saves by itself.
is_refused_work() {
  local ids
  for ids in ${REFUSED_WORK[@]+"${REFUSED_WORK[@]}"}; do
    case ",$ids," in *",${1:--},"*) return 0 ;; esac
  done
  return 1
}

way_to_mend() {
  case $1 in
    *-msg) printf 'With another subject: %s -m TEXT' "$(sync_command)" ;;
    *) printf 'Mend what it says, then: %s' "$(sync_command)" ;;
  esac
}

# report_hook_refusal NAME: nothing is saved in this run; what was committed before goes. 65.
report_hook_refusal() {
  local mend=$HOOK_MEND
  [ -n "$HOOK_BROKE" ] || mend=$(way_to_mend "$1")
  SAVING_REFUSED=1 COMMIT_OID=''
  read_hook_words
  problem "$EXIT_HELD" error "Your repository's own $1 hook ${HOOK_BROKE:-refused this commit}." ${HOOK_LINES[@]+"${HOOK_LINES[@]}"} \
    "Nothing was committed; your files stay as they are. $mend"
  return "$EXIT_HELD"
}

# --- what a formatter rewrote -----------------------------------------------------

# collect_fixes: sets FIXED_TREE, COMMIT_TREE with what the hook changed in it or staged; '' when that is nothing.
collect_fixes() {
  local staged tree
  FIXED_TREE=''
  # Whatever it did to its copy of the settings, and what it left in the way.
  rm -f "$CHECK_GIT/index.lock"
  print_check_settings "${#COMMIT_OID}" >"$CHECK_GIT/config"
  # By reset or stash it has put its copy back as a whole: that is no formatting.
  staged=$(in_check_tree write-tree 2>/dev/null)
  [ "$staged" != "$(git -C "$TOP" rev-parse "${COMMIT_PARENT:-$(empty_tree)}^{tree}")" ] || return 0
  tree=$(in_check_tree add -u 2>"$WORK/error" && in_check_tree write-tree 2>"$WORK/error") || {
    report_git_failure "reading what your pre-commit hook left"
    return "$EXIT_INTERNAL"
  }
  [ "$tree" != "$COMMIT_TREE" ] || return 0
  { printf '%s\n^%s\n' "$tree" "$COMMIT_TREE" | git -C "$CHECK_TREE" pack-objects --revs --stdout -q | git -C "$TOP" unpack-objects -q; } 2>"$WORK/error" &&
    keep_fixes "$tree" && return 0
  report_git_failure "taking over what your pre-commit hook rewrote"
  return "$EXIT_INTERNAL"
}

# What the hook deleted in its copy stays in the commit: nobody of those who sync has deleted it.
keep_fixes() {
  local entry path rest index=$WORK/index.fixed
  git -C "$TOP" diff-tree -r -z --no-renames --raw --diff-filter=AMT "$COMMIT_TREE" "$1" >"$WORK/fixes" 2>"$WORK/error" || return
  while IFS= read -r -d '' entry && IFS= read -r -d '' path; do
    rest=${entry#* } # newmode oldoid newoid kind
    entry=${rest#* * }
    case $rest in 160000*) ;; *) printf '%s %s 0\t%s\0' "${rest%% *}" "${entry% *}" "$path" ;; esac
  done <"$WORK/fixes" >"$WORK/fixed"
  [ -s "$WORK/fixed" ] || return 0
  rm -f "$index"
  FIXED_TREE=$({
    GIT_INDEX_FILE=$index git -C "$TOP" read-tree "$COMMIT_TREE" &&
      GIT_INDEX_FILE=$index git -C "$TOP" update-index -z --index-info <"$WORK/fixed" &&
      GIT_INDEX_FILE=$index git -C "$TOP" write-tree
  } 2>"$WORK/error")
}

# The folder gets what a formatter made of it first: where several sessions are about to commit, so that the next round
# gives each its own lines of that; and where nothing is left to commit. 1 when that cannot be: then the last commit takes it.
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
      clean_hook_line "$line"
      line=$HOOK_LINE
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
  local i
  for ((i = 0; i < ${#HOOK_REFUSED[@]}; i++)); do
    hold "${HOOK_REFUSED[i]}" "your pre-commit hook refuses it" "It says: $(visible "${HOOK_WORDS[i]}")" \
      "Mend it, then: $(sync_command)"
  done
}

# The last commit is made anew with what the hook rewrote, before any of it is on the branch: whatever fails later, nothing
# goes out as it was before the hook. The folder follows behind the branch (settle_base).
use_fixes() {
  local last=$((${#MADE[@]} - 1))
  COMMIT_TREE=$FIXED_TREE SNAPSHOT_WHOLE=''
  create_commit "$COMMIT_BELOW" || return # with the message that write_commit has left
  MADE[last]="$COMMIT_OID ${MADE[last]#* }"
  note_fact "[INFO] Your pre-commit hook rewrote files; its version was saved."
}
