# shellcheck shell=bash
# The vault beside the repository: its hook, and its commit where it is a submodule.
# Needs: repository, gates, identity, results.

# A vault that is a submodule of this repository: a commit of it that its remote does not have could be fetched by nobody.
hold_vault_commit() {
  local path
  find_vault_path && contains "$path" ${PATHS[@]+"${PATHS[@]}"} && ! is_allowed "$path" || return 0
  ! is_on_vault_remote HEAD || return 0
  forget_path "$path"
  HELD+=("$path")
  tell_once "[INFO] $(visible "$path") waits: the vault's remote does not have its commit yet. Once the vault is pushed, the next sync sends it."
}

# find_vault_path: sets the caller's `path`, where the vault lies in this tree; 1 when it lies elsewhere.
find_vault_path() {
  [ "$ROLE" = main ] && [ -n "${ID_VAULT:-}" ] && find_vault || return 1
  case $VAULT in "$TOP"/?*) path=${VAULT#"$TOP"/} path=${path%/} ;; *) return 1 ;; esac
}

is_on_vault_remote() { [ -n "$(git -C "$VAULT" for-each-ref --count=1 --contains "$1" refs/remotes 2>/dev/null)" ]; }

# The commit hook in a clone of the vault, which has no claudetools of its own: it calls the repository's. A hook that was
# there before runs as well; where git looks for hooks elsewhere, that is somebody's own choice.
set_up_vault_hook() {
  local start=$MAIN_TOP/.claude/scripts/claudetools-start.sh hook=$COMMON/hooks/pre-commit line='' of
  [ -z "$DRY_RUN$CONFIG_HOOKS" ] && [ -e "$start" ] || return 0
  { read -r line && read -r line; } 2>/dev/null <"$hook"
  case $line in
    '# Installed by claudetools of '*)
      of=${line#'# Installed by claudetools of '}
      of=${of%%. What was here*}
      [ ! -e "$of/.claude/scripts/claudetools-start.sh" ] || grep -q "^ours='" "$hook" || return 0 # so it was in 0.1.0
      ;;
    '# Installed by claudetools'*) return 0 ;; # the vault has its own
    *) [ ! -e "$hook" ] || { [ ! -e "$hook.before" ] && mv "$hook" "$hook.before"; } || return 0 ;;
  esac
  {
    mkdir -p "$COMMON/hooks" && print_vault_hook "$start" >"$hook.new" && chmod 755 "$hook.new" && mv "$hook.new" "$hook"
  } 2>/dev/null || info "The commit hook could not be written into the vault: $(visible "$hook")"
}

print_vault_hook() {
  local path
  printf '#!/bin/sh\n# Installed by claudetools of %s. What was here before lies beside it as NAME.before and runs as well.\n' "$MAIN_TOP"
  path=${1//\'/\'\\\'\'}
  printf "start='%s'\n" "$path"
  sed '1,/^start=/d' "$TOOLKIT/hooks/git/shim"
}
