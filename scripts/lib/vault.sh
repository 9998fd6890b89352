# shellcheck shell=bash
# The vaults beside the repository: where they lie, their sync, their hook, and their commit where one is a submodule.
# Needs: repository, identity, results, report; for hook and commit also gates.
# Sets: ALLOWED LEFT_RUNNING MAIN_STATE MAIN_TOP MESSAGE TAKE_UPSTREAM VAULT VAULT_FAULT VAULT_FIX VAULT_SAID WANTED.

VAULT_SAID='' # the one that is worked on, as vault_path has it

# Sets VAULT, the folder that VAULT_SAID names as seen from the user's repository.
find_vault() {
  case $VAULT_SAID in
    \~/*) VAULT=$HOME/${VAULT_SAID#\~/} ;;
    /* | [A-Za-z]:*) VAULT=$VAULT_SAID ;;
    *) VAULT=${MAIN_TOP:-$TOP}/$VAULT_SAID ;;
  esac
}

# is_own_repository FOLDER MAIN: 1 for MAIN, the top of the user's repository, and for a folder below the top of any, with
# VAULT_LIES_IN, that top. All of it would be taken for the vault.
is_own_repository() {
  VAULT_LIES_IN=$(cd "$1" 2>/dev/null && git rev-parse --show-toplevel 2>/dev/null)
  [ -z "$VAULT_LIES_IN" ] || { [ "$VAULT_LIES_IN" -ef "$1" ] && ! [ "$VAULT_LIES_IN" -ef "$2" ]; }
}

# judge_vault: 1 where VAULT_SAID names no repository of its own, with VAULT_FAULT and VAULT_FIX.
judge_vault() {
  find_vault
  is_own_repository "$VAULT" "${MAIN_TOP:-$TOP}" || {
    VAULT_FAULT="The vault $(visible "$VAULT_SAID") is no repository of its own: it lies inside of $(visible "$VAULT_LIES_IN")."
    VAULT_FIX="Make it one: git -C $(quoted "$VAULT") init"
    return 1
  }
  [ -n "$VAULT_LIES_IN" ] || {
    VAULT_FAULT="The vault $(visible "$VAULT_SAID") is not the working tree of a git repository."
    VAULT_FIX="Clone it first, then: $(setup_command) --vault $(quoted "$VAULT_SAID")"
    return 1
  }
}

is_one_of_many_vaults() { [ -n "$VAULT_SAID" ] && [ $((${#ID_VAULTS[@]} + ${#VAULT_FAULTS[@]})) -gt 1 ]; }
is_only_vault() { [ -n "$VAULT_ONLY" ] && { [ -n "$VAULT_CHOSEN" ] || ! is_one_of_many_vaults; }; }

# How sync.sh is told to work on this vault alone.
vault_option() {
  printf '%s' --vault
  ! is_one_of_many_vaults || printf '=%s' "$(quoted "$VAULT_SAID")"
}

# Each vault has a lock, a report and an exit code of its own: its trouble never hides or undoes what main did, and keeps no
# other vault from being synced.
sync_vaults() {
  local said=() faults=()
  said=(${ID_VAULTS[@]+"${ID_VAULTS[@]}"})
  [ -z "$VAULT_CHOSEN" ] || said=("$VAULT_SAID")
  [ -n "$VAULT_CHOSEN" ] || faults=(${VAULT_FAULTS[@]+"${VAULT_FAULTS[@]}"})
  [ $((${#said[@]} + ${#faults[@]})) -gt 0 ] || return 0
  MAIN_TOP=$TOP MAIN_STATE=$STATE
  [ -n "$VAULT_ONLY" ] || WANTED=() ALLOWED=() MESSAGE='' TAKE_UPSTREAM='' # said of the repository's own files
  for VAULT_SAID in ${said[@]+"${said[@]}"}; do
    LEFT_RUNNING=''
    sync_vault
    end_repository
  done
  VAULT_SAID=''
  [ ${#faults[@]} -eq 0 ] || {
    report_vault_faults "${faults[@]}"
    end_repository
  }
}

sync_vault() {
  if judge_vault || [ -z "$VAULT_LIES_IN" ]; then
    sync_repository "$VAULT" vault
    return
  fi
  reset_results
  forget_repository "$VAULT"
  problem "$EXIT_SETUP" error "$VAULT_FAULT" "Nothing of it was saved. $VAULT_FIX     or correct vault_path in .claude/identity.json"
  tell_result vault
}

report_vault_faults() {
  local text
  reset_results
  forget_repository "$MAIN_TOP"
  for text in "$@"; do problem "$EXIT_SETUP" error "$(visible "$text")" "No vault was synced for it. Correct it there."; done
  tell_result vault
}

# With --vault the repository is only asked where its vaults lie.
look_for_vaults() {
  reset_results
  forget_repository .
  end_glance
  open_repository . && make_state && load_identity "$TOP" || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  [ $((${#ID_VAULTS[@]} + ${#VAULT_FAULTS[@]})) -gt 0 ] ||
    die "$EXIT_SETUP" "No vault is named in .claude/identity.json." "Name it: $(setup_command) --vault PATH"
  if [ -n "$VAULT_CHOSEN" ]; then choose_vault; else VAULT_SAID=${ID_VAULTS[0]:-}; fi
  if is_only_vault && [ -n "$VAULT_SAID" ]; then
    find_vault
    paths_from_top "$VAULT"
  elif [ "$JOB" != sync ] || [ -n "$TAKE_UPSTREAM" ] || [ $((${#WANTED[@]} + ${#ALLOWED[@]})) -gt 0 ]; then
    refuse_many_vaults "This is for one vault. Say which:"
  fi
}

choose_vault() {
  local given=$VAULT_CHOSEN
  case $given in \~/*) given=$HOME/${given#\~/} ;; esac
  for VAULT_SAID in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do
    find_vault
    if [ "$VAULT_SAID" = "$VAULT_CHOSEN" ] || [ "$VAULT" -ef "$given" ]; then return; fi
  done
  refuse_many_vaults "$(visible "$VAULT_CHOSEN") is no vault of this machine. There are:"
}

refuse_many_vaults() {
  local entry lines=()
  for entry in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do lines+=("  --vault=$(quoted "$entry")"); done
  die "$EXIT_USAGE" "$1" ${lines[@]+"${lines[@]}"}
}

# A vault that is a submodule of this repository: a commit of it that its remote does not have could be fetched by nobody.
hold_vault_commits() {
  local path VAULT_SAID
  [ "$ROLE" = main ] || return 0
  for VAULT_SAID in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do
    find_vault
    path=${VAULT#"$TOP"/} path=${path%/}
    is_staged "$path" && ! is_allowed "$path" && ! is_on_vault_remote HEAD || continue
    hold_silently "$path"
    tell_once "[INFO] $(visible "$path") waits: the vault's remote does not have its commit yet. Once the vault is pushed, the next sync sends it."
  done
}

# is_vault_path PATH: whether a vault of the user's repository lies there in its tree. Sets VAULT_SAID and VAULT.
is_vault_path() {
  [ "$ROLE" = main ] || return 1
  for VAULT_SAID in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do
    find_vault
    [ "${VAULT%/}" != "$TOP/$1" ] || return 0
  done
  return 1
}

is_on_vault_remote() { [ -n "$(git -C "$VAULT" for-each-ref --count=1 --contains "$1" refs/remotes 2>/dev/null)" ]; }

# The commit hook in a clone of the vault, which has no claudetools of its own: it calls the repository's. A hook that was
# there before runs as well; where git looks for hooks elsewhere, that is somebody's own choice.
set_up_vault_hook() {
  local hook=$COMMON/hooks/pre-commit line='' of
  [ -z "$DRY_RUN$CONFIG_HOOKS" ] && [ -e "$MAIN_STATE/start.sh" ] || return 0
  { read -r line && read -r line; } 2>/dev/null <"$hook"
  case $line in
    '# Installed by claudetools of '*)
      of=${line#'# Installed by claudetools of '}
      of=${of%%. What was here*}
      [ ! -e "$of/.claude/scripts/claudetools-start.sh" ] || ! grep -q "^top='" "$hook" || return 0
      ;;
    '# Installed by claudetools'*) return 0 ;; # the vault has its own
    *) [ ! -e "$hook" ] || { [ ! -e "$hook.before" ] && mv "$hook" "$hook.before"; } || return 0 ;;
  esac
  {
    mkdir -p "$COMMON/hooks" && print_vault_hook >"$hook.new" && chmod 755 "$hook.new" && mv "$hook.new" "$hook"
  } 2>/dev/null || info "The commit hook could not be written into the vault: $(visible "$hook")"
}

print_vault_hook() {
  local top=${MAIN_TOP//\'/\'\\\'\'} state=${MAIN_STATE//\'/\'\\\'\'}
  printf '#!/bin/sh\n# Installed by claudetools of %s. What was here before lies beside it as NAME.before and runs as well.\n' "$MAIN_TOP"
  printf "top='%s' state='%s'\n" "$top" "$state"
  sed '1,/^top=/d' "$TOOLKIT/hooks/git/shim"
}
