# shellcheck shell=bash
# A remote that refuses (a size, a secret, a protected path): the commit it means is set aside and named, the rest goes.
# Needs: repository, results, exchange, python.
# Sets: TIP.

# settle_refusal: 0 with TIP (pushed commits, then the refused ones on top), 1 when it was a lost race after all.
settle_refusal() {
  local out status
  if ! find_python || { [ -z "$SEEN" ] && [ ${#UNSAFE[@]} -eq 0 ]; }; then
    if [ ${#UNSAFE[@]} -gt 0 ]; then report_unparted; else report_refusal; fi
    return
  fi
  printf '%s\0' ${UNSAFE[@]+"${UNSAFE[@]}"} >"$WORK/unsafe"
  printf '%s\0' ${STRIPPED[@]+"${STRIPPED[@]}"} >"$WORK/stripped"
  expect_tracking_lock
  export CLAUDETOOLS_TOOLKIT=$TOOLKIT
  compose_python refused --unsafe "$WORK/unsafe" --stripped "$WORK/stripped" --top "$TOP" --tree-state "$TREE" --seen "$SEEN" --tip "$TIP" \
    --remote "$REMOTE" --branch "$BRANCH"
  if find_hook pre-push; then
    answer_push_questions "${PYTHON_CALL[@]}" --ask 2>>"$WORK/push-error"
    status=$? out=$ANSWER_LINES
  else
    out=$("${PYTHON_CALL[@]}" 2>>"$WORK/push-error")
    status=$?
  fi
  expect_git_locks
  if [ "$status" -eq 1 ]; then
    fetch_remote || return
    return 1
  fi
  if [ "$status" -ne 0 ]; then
    report_refusal
    return
  fi
  read_refused "$out"
}

read_refused() {
  local word one other subject pushed='' tip='' refused=() hooked=() held=0 back=() said=() moved=() total HINT
  while IFS=$'\t' read -r word one other subject; do
    case $word in
      pushed) pushed=$one ;;
      tip) tip=$one ;;
      replayed) moved+=("$one $other") ;;
      refused)
        refused+=("${other:0:7} $(visible "$subject")")
        back+=("$other")
        moved+=("$one $other")
        ;;
      hooked)
        hooked+=("${other:0:7} $(visible "$subject")")
        back+=("$other")
        moved+=("$one $other")
        ;;
      held)
        held=$((held + 1))
        back+=("$other")
        moved+=("$one $other")
        ;;
      said) [ ${#said[@]} -ge 8 ] || said+=("  $(visible "$one")") ;;
    esac
  done <<<"$1"
  follow_names ${moved[@]+"${moved[@]}"}
  note_rewritten
  rename_commits ${REPLAYED_PAIRS[@]+"${REPLAYED_PAIRS[@]}"}
  total=$((${#moved[@]}))
  [ "$pushed" = "$SEEN" ] || note_pushed "$pushed"
  [ -n "$pushed" ] || return 0 # not even a first commit may go
  # What was pushed stands for HEAD without the refused ones: should the receive stop now, they are not forgotten.
  [ "$tip" = "$HEAD_OID" ] || keep_pair "$pushed" ${back[@]+"${back[@]}"} || return
  TIP=$tip
  # Mended by a later commit: nothing is left out after all.
  [ "$held" -gt 0 ] || forget_left_out "$LEFT_BEFORE"
  [ ${#hooked[@]} -eq 0 ] || report_push_hook ${#hooked[@]} "$total" "${hooked[@]:0:10}" || :
  [ ${#refused[@]} -gt 0 ] || return 0
  hint_at_vault ${said[@]+"${said[@]}"}
  problem "$EXIT_REFUSED" warn "$(visible "$REMOTE") refused ${#refused[@]} of $(count_of "$total" commit)$(rest_of $((total - ${#refused[@]} - ${#hooked[@]} - held)))." \
    "${refused[@]:0:10}" ${said[@]+"${said[@]}"} \
    ${HINT:+"$HINT"} "Nothing is lost: they stay committed here. Mend the file, then: $(sync_command)"
}

# hint_at_vault SAID...: sets HINT, where a server of the kind of GitHub has found a secret and names file and line.
hint_at_vault() {
  local line
  HINT=''
  [ "$ROLE" = main ] && [ ${#ID_VAULTS[@]} -gt 0 ] || return 0
  for line in "$@"; do
    case $line in
      *' path: '*:[0-9]*)
        HINT="A value goes into the vault by: $(tools_command) vault put $(quoted "${line#* path: }") NAME"
        return 0
        ;;
    esac
  done
}

rest_of() { [ "$1" -eq 0 ] || printf '; the other %s on %s' "$([ "$1" = 1 ] && printf 'is' || printf '%s are' "$1")" "$(visible "$BRANCH")"; }

report_unparted() {
  problem "$EXIT_HELD" warn "Nothing was pushed: some commits may not go out, and telling them from the others needs Python $PYTHON_FLOOR." \
    "Your work is committed here and stays."
  return "$EXIT_HELD"
}

# All of it was refused, and nothing can be told apart (the first push, or no Python).
report_refusal() {
  local line lines=()
  if [ -n "$HOOK_REFUSED_TIP" ]; then
    report_push_hook all all
    return
  fi
  while IFS= read -r line; do
    case $line in
      'remote: '*[!\ ]* | 'error: '* | 'fatal: '*) [ ${#lines[@]} -ge 8 ] || lines+=("  $(visible "${line#remote: }")") ;;
    esac
  done <"$WORK/push-error"
  problem "$EXIT_REFUSED" warn "$(visible "$REMOTE") refused the push." ${lines[@]+"${lines[@]}"} \
    "Your work is committed here and stays. Mend what it says, then: $(sync_command)"
  return "$EXIT_REFUSED"
}
