#!/usr/bin/env bash
# Summary: Tell this machine who works on it.
# Usage: setup.sh [--repo PATH] [--user ID] [--name "FULL NAME"] [--email ADDRESS] [--machine NAME] [--vault PATH]
#
# Writes .claude/identity.json, which git ignores. What is not given is taken from the file that is there, from git's
# own settings, or asked for on a terminal. Run it again to change something; the rest stays.
#
#   --repo PATH      the repository (the one around this folder)
#   --user ID        short id, as in .claude/users.json
#   --machine NAME   this machine's name (the host name)
#   --vault PATH     folder of the vault, a repository of its own
#
# Exit status: 0 written; 64 usage; 73 cannot be written; 78 no repository, or a value is missing.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python claim lock results repository identity; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local repo=. user='' name='' email='' machine='' vault='' file
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
      --repo | --user | --name | --email | --machine | --vault)
        [ $# -ge 2 ] || die "$EXIT_USAGE" "$1 needs a value." "See: setup.sh --help"
        case $1 in
          --repo) repo=$2 ;;
          --user) user=$2 ;;
          --name) name=$2 ;;
          --email) email=$2 ;;
          --machine) machine=$2 ;;
          --vault) vault=$2 ;;
        esac
        shift
        ;;
      *) die "$EXIT_USAGE" "Unknown argument: $(visible "$1")" "See: setup.sh --help" ;;
    esac
    shift
  done
  reset_results
  forget_repository "$repo"
  open_repository "$repo" && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  read_present_values
  answer user "${user:-$ID_USER}" "Short id" "$(default_user)"
  answer name "${name:-$ID_NAME}" "Full name" "$CONFIG_NAME"
  answer email "${email:-$ID_EMAIL}" "E-mail address" "$CONFIG_EMAIL"
  answer machine "${machine:-$ID_MACHINE}" "Name of this machine" "${HOSTNAME%%.*}"
  vault=${vault:-$ID_VAULT}
  file=$TOP/.claude/identity.json
  write_identity >"$WORK/identity" && mkdir -p "$TOP/.claude" && mv "$WORK/identity" "$file" ||
    die "$EXIT_CANNOT_CREATE" "$(visible "$file") cannot be written."
  check_and_cache
  exclude_identity
  say "[OK] This machine is $(visible "$machine"), and you are $(visible "$name") <$(visible "$email")>."
  say "     Written to .claude/identity.json. Save and sync: $(sync_command)"
}

read_present_values() {
  ID_USER='' ID_NAME='' ID_EMAIL='' ID_MACHINE='' ID_VAULT=''
  [ -e "$TOP/.claude/identity.json" ] && find_python &&
    run_python identity "$TOP" "$STATE/identity" >/dev/null 2>&1 && read_identity_cache "$STATE/identity"
  return 0
}

default_user() {
  local name=${CONFIG_EMAIL%%@*}
  printf '%s' "${name:-${USER:-}}"
}

# answer VARIABLE VALUE QUESTION DEFAULT: asks only on a terminal, and only for what is not known.
answer() {
  local value=$2
  if [ -z "$value" ]; then
    value=$4
    if [ -t 0 ] && [ -t 2 ]; then
      printf '%s [%s]: ' "$3" "$value" >&2
      read -r value || value=''
      value=${value:-$4}
    fi
  fi
  [ -n "$value" ] || die "$EXIT_SETUP" "$3 is not known." "Give it: setup.sh --$1 VALUE"
  printf -v "$1" '%s' "$value"
}

write_identity() {
  printf '{\n  "user": %s,\n  "full_name": %s,\n  "email": %s,\n  "machine": %s,\n' \
    "$(json_string "$user")" "$(json_string "$name")" "$(json_string "$email")" "$(json_string "$machine")"
  [ -z "$vault" ] || printf '  "vault_path": %s,\n' "$(json_string "$vault")"
  printf '  "hostname": %s\n}\n' "$(json_string "${HOSTNAME:-$machine}")"
}

# With Python the values are checked now; without it the shell makes the cache that a sync reads.
check_and_cache() {
  local text
  rm -f "$STATE/identity" "$STATE/identity.of"
  if find_python; then
    text=$(run_python identity "$TOP" "$STATE/identity" 2>&1) || die "$EXIT_SETUP" "$(visible "${text##*$'\n'}")"
    return 0
  fi
  pause 1000 # the cache has to be strictly newer than the file, also where clocks count whole seconds
  printf 'user=%s\nfull_name=%s\nemail=%s\nmachine=%s\nvault_path=%s\nhostname=%s\nsource=identity.json\n' \
    "$user" "$name" "$email" "$machine" "$vault" "${HOSTNAME:-$machine}" >"$STATE/identity"
}

# The identity of this machine must not travel to the others.
exclude_identity() {
  git -C "$TOP" check-ignore -q .claude/identity.json && return 0
  mkdir -p "$COMMON/info" && printf '/.claude/identity.json\n' >>"$COMMON/info/exclude"
}

main "$@"
