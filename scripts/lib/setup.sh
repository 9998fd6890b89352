# shellcheck shell=bash
# The steps of setup.sh: the answers, the identity, this clone, the packages.
# Needs: repository, identity, python, first_time, ui, and the variables of setup.sh's main.
# Sets: ID_EMAIL ID_MACHINE ID_NAME ID_SOURCE ID_USER ID_VAULTS VAULT_FAULTS.

# What is known already: from identity.json, or from users.json where git's own address is somebody's there.
read_present_values() {
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE='' ID_SOURCE='' ID_VAULTS=() VAULT_FAULTS=()
  find_python &&
    run_python identity --git-email="$CONFIG_EMAIL" --host="${HOSTNAME:-}" -- "$TOP" "$STATE/identity" >/dev/null 2>&1 &&
    read_identity_cache "$STATE/identity"
  [ "$ID_SOURCE" != derived ] || ID_MACHINE=''
  [ -z "$user" ] || [ "$user" = "$ID_USER" ] || take_known_user
  return 0
}

# Somebody else than the file or git's address says: name and address are those of users.json.
take_known_user() {
  ID_NAME='' ID_EMAIL=''
  find_python || return 0
  { IFS= read -r ID_NAME && IFS= read -r ID_EMAIL; } < <(run_python identity --entry "$user" "$TOP" "$STATE/identity" 2>/dev/null)
}

# shellcheck disable=SC2154 # locals of setup.sh's main
tell_other_git_settings() {
  [ -n "$CONFIG_EMAIL$CONFIG_NAME" ] || return 0
  [ "$CONFIG_EMAIL" != "$email" ] || [ "$CONFIG_NAME" != "$name" ] || return 0
  say "     git signs with $(visible "$CONFIG_NAME <$CONFIG_EMAIL>") here; the next sync sets user.name and user.email of this repository to yours."
}

# answer VARIABLE GIVEN PRESENT QUESTION DEFAULT: asks only on a terminal, and only for what is not known.
answer() {
  local value=${2:-$3}
  if [ -z "$value" ]; then
    value=$5
    if is_terminal; then
      ask "$4" "$value"
      value=${REPLY:-$5}
    fi
  fi
  [ -n "$value" ] || die "$EXIT_SETUP" "$4 is not known." "Give it: $(setup_command) --$1 VALUE"
  printf -v "$1" '%s' "$value"
}

# The only one that may stay empty; asked together with the others, never by itself.
answer_vault() {
  [ ${#vaults[@]} -eq 0 ] || VAULT_FAULTS=()
  [ ${#vaults[@]} -gt 0 ] || vaults=(${ID_VAULTS[@]+"${ID_VAULTS[@]}"})
  [ $((${#vaults[@]} + ${#VAULT_FAULTS[@]})) -eq 0 ] && [ -n "$asked" ] || return 0
  ask "Folder of the vault, a repository of its own for secrets" "none"
  case $REPLY in '' | none) ;; *) vaults=("$REPLY") ;; esac
}

is_terminal() { [ -t 0 ] && [ -t 2 ]; }

ask() {
  asked=1
  printf '%s [%s]: ' "$1" "$(visible "$2")" >&2
  read -r REPLY || REPLY=''
}

# Said now, not by the first sync.
refuse_bad_vaults() {
  [ ${#VAULT_FAULTS[@]} -eq 0 ] ||
    die "$EXIT_SETUP" "$(visible "${VAULT_FAULTS[0]}")" "Correct it there, or name all vaults anew: $(setup_command) --vault PATH"
  for VAULT_SAID in ${vaults[@]+"${vaults[@]}"}; do
    judge_vault || die "$EXIT_SETUP" "$VAULT_FAULT" "$VAULT_FIX"
  done
}

write_identity() {
  local file=$TOP/.claude/identity.json
  [ -n "$timezone" ] || [ -e "$file" ] || timezone=machine
  print_identity >"$WORK/identity" && complete_identity && mkdir -p "$TOP/.claude" && [ ! -d "$file" ] && mv "$WORK/identity" "$file" ||
    die "$EXIT_CANNOT_CREATE" "$(visible "$file") cannot be written." "Look at it: ls -ld $(quoted "${file%/*}")"
  check_and_cache
  exclude_identity
}

# shellcheck disable=SC2154 # locals of setup.sh's main
print_identity() {
  printf '{\n  "user": %s,\n  "full_name": %s,\n  "email": %s,\n  "machine": %s,\n' \
    "$(json_string "$user")" "$(json_string "$name")" "$(json_string "$email")" "$(json_string "$machine")"
  print_vault_path ${vaults[@]+"${vaults[@]}"}
  [ -z "$timezone" ] || printf '  "timezone": %s,\n' "$(json_string "$timezone")"
  printf '  "hostname": %s\n}\n' "$(json_string "${HOSTNAME:-$machine}")"
}

print_vault_path() {
  local path list=''
  for path in "$@"; do list+=${list:+, }$(json_string "$path"); done
  [ $# -le 1 ] || list="[$list]"
  [ $# -eq 0 ] || printf '  "vault_path": %s,\n' "$list"
}

# What setup.sh does not ask for stays in the file, whoever wrote it.
complete_identity() {
  local text
  find_python || return 0
  text=$(run_python identity --complete "$WORK/identity" "$TOP" "$STATE/identity" 2>&1) ||
    die "$EXIT_USAGE" "$(visible "${text##*$'\n'}")" "See: $(setup_command) --help"
}

# With Python the values are checked now; without it the shell makes the cache that a sync reads.
check_and_cache() {
  local text
  rm -f "$STATE/identity" "$STATE/identity.of"
  if find_python; then
    text=$(run_python identity --own "$TOP" "$STATE/identity" 2>&1) || die "$EXIT_SETUP" "$(visible "${text##*$'\n'}")"
    return 0
  fi
  pause 1000 # the cache has to be strictly newer than the file, also where clocks count whole seconds
  {
    printf 'user=%s\nfull_name=%s\nemail=%s\nmachine=%s\nhostname=%s\nsource=identity.json\n' \
      "$user" "$name" "$email" "$machine" "${HOSTNAME:-$machine}"
    [ ${#vaults[@]} -eq 0 ] || printf 'vault_path=%s\n' "${vaults[@]}"
  } >"$STATE/identity"
}

# The identity of this machine must not travel to the others.
exclude_identity() {
  git -C "$TOP" check-ignore -q .claude/identity.json && return 0
  mkdir -p "$COMMON/info" && printf '/.claude/identity.json\n' >>"$COMMON/info/exclude"
}

# Hook, git's settings and packages of a repository that has claudetools. 0, or why the hook was refused.
prepare_clone() {
  local text line
  if ! find_python; then
    warn "Python $PYTHON_FLOOR or newer is missing. Save and send work without it; receiving, the hook and the commands log,"
    say "       notes, sessions and wiki do not. Install it, then: $(setup_command)" >&2
    [ -e "$STATE/installed.json" ] || printf '{"format": 1}\n' >"$STATE/installed.json" # a later sync does the rest
    return 0
  fi
  text=$(clone_job) || return
  printf '%s\n' "${TOOLKIT##*/}" >>"$STATE/trusted" # whoever sets a clone up takes the version that is there
  while IFS= read -r line; do [ -z "$line" ] || say "     $line"; done <<<"$text"
  install_packages
  say "     To sync by itself: $(typed_command schedule) --help"
}

install_packages() {
  { run_python_with_packages environment "$TOOLKIT/pyproject.toml" "$STATE/venv" 2>"$WORK/error" || say failed; } |
    while IFS= read -r line; do
      case $line in
        fetching) talk "     Fetching the Python packages ..." ;;
        made) say "     The Python packages are in $(visible "$STATE/venv")." ;;
        failed) report_no_packages ;;
      esac
    done
}

report_no_packages() {
  local text
  read -r text <"$WORK/error"
  warn "The Python packages could not be installed: $(visible "$text")"
  say "       Syncing works without them; log, notes, sessions and wiki do not. Again: $(setup_command)" >&2
}
