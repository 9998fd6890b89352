# shellcheck shell=bash
# The repository's own hooks for each commit: prepare-commit-msg and commit-msg before it is on the branch, post-commit once
# it is there.
# Needs: repository, check_tree, run_hook, own_hooks, commit.
# Sets: COMMIT_BELOW COMMIT_OID COMMIT_TREE HOOK_STATUS MADE.

# run_message_hooks: for each of MADE, which is made anew where its message or its parent changed. A hook sees the subject,
# as of `git commit -m`; what later runs have to read of the commit is put below what it left.
# 0; 1 to go round again without what was refused; 65 when nothing of it may be saved; else another exit code.
run_message_hooks() {
  local i old text subject parent=$COMMIT_PARENT tip=$COMMIT_TREE moved=''
  if ! find_hook prepare-commit-msg && ! find_hook commit-msg; then return 0; fi
  for ((i = 0; i < ${#MADE[@]}; i++)); do
    old=${MADE[i]%% *} COMMIT_BELOW=$parent
    text=$(git -C "$TOP" cat-file commit "$old" 2>"$WORK/error") || {
      report_git_failure "git cat-file"
      return "$EXIT_INTERNAL"
    }
    text=${text#*$'\n\n'}
    subject=${text%%$'\n\n'*}
    prepare_check_tree "$old" "$parent" || return
    edit_message "$i" "$subject" || return
    COMMIT_OID=$old
    if [ -n "$moved" ] || [ "$EDITED" != "$subject" ]; then
      moved=1
      add_trailers "${text#*$'\n\n'}" >"$WORK/message" || return "$EXIT_CANNOT_CREATE"
      COMMIT_TREE="$old^{tree}"
      create_commit "$parent" || return
    fi
    MADE[i]="$COMMIT_OID ${EDITED%%$'\n'*}" parent=$COMMIT_OID
  done
  COMMIT_TREE=$tip
}

# edit_message N SUBJECT: sets EDITED, the message as the hooks left it.
edit_message() {
  local name file=.git/COMMIT_EDITMSG oid=${MADE[$1]%% *} source
  [ -d "$CHECK_TREE/.git" ] || file=$CHECK_GIT/COMMIT_EDITMSG
  printf '%s\n' "$2" >"$CHECK_GIT/COMMIT_EDITMSG" || return "$EXIT_CANNOT_CREATE"
  HOOK_STATUS=0 EDITED=$2
  for name in prepare-commit-msg commit-msg; do
    find_hook "$name" || continue
    source=()
    [ "$name" = commit-msg ] || source=(message)
    run_hook "$name" "$oid" "$file" ${source[@]+"${source[@]}"}
    [ "$HOOK_STATUS" -eq 0 ] || break
    EDITED=$(git stripspace <"$CHECK_GIT/COMMIT_EDITMSG")
    [ -z "$EDITED" ] || continue
    printf 'It left no message.\n' >>"$WORK/hook"
    HOOK_STATUS=1
    break
  done
  [ "$HOOK_STATUS" -ne 0 ] || return 0
  if [ ${#MADE[@]} -eq 1 ] || [ -n "$HOOK_BROKE" ]; then
    report_hook_refusal "$name"
  else
    peel_off "$1" "$name" "$WORK/hook"
  fi
}

# add_trailers TRAILERS: EDITED with ours in one block with those that a hook has added, or git would not see them.
add_trailers() {
  local line gap=''
  case $EDITED in
    *$'\n\n'*)
      while IFS= read -r line; do
        [[ $line =~ ^[A-Za-z0-9-]+:\  || $line == [\ \	]* ]] || gap=$'\n'
      done <<<"${EDITED##*$'\n\n'}"
      ;;
    *) gap=$'\n' ;;
  esac
  printf '%s\n%s%s\n' "$EDITED" "$gap" "$1"
}

# What a hook does after a commit changes nothing of it: where it fails, that is told.
run_post_commit_hooks() {
  local item
  find_hook post-commit || return 0
  for item in "${MADE[@]}"; do
    prepare_check_tree "${item%% *}" "${item%% *}" || return
    run_hook post-commit "${item%% *}"
    [ "$HOOK_STATUS" -eq 0 ] || tell_failed_post_commit "${item#* }"
  done
}

tell_failed_post_commit() {
  read_hook_words
  note_fact "[WARN] Your post-commit hook ${HOOK_BROKE:-ended with $HOOK_STATUS} after $(visible "$1").${HOOK_LINES[0]:+${HOOK_LINES[0]# }}"
}
