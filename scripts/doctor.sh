#!/usr/bin/env bash
# Summary: Look at the lock and the toolkit's state, and mend them.
# Usage: doctor.sh [--locks] | --break-lock TOKEN
#
# Without arguments: versions, identity, lock, state; with --locks only who has the lock. `--break-lock` clears the lock
# of a run that no sync can judge (another machine on a shared disk, a container that is gone). It clears that very
# run's lock or nothing.
#
# Exit status: 0 in order; 64 usage; 73 the lock belongs to a run that cannot be judged; 78 something is missing.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python times owner claim lock results repository settings identity vault first_time checks; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local job=all token=''
  case ${1:-} in
    '') ;;
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    --locks) job=locks ;;
    --break-lock) job=break token=${2:-} ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  [ "$job" != break ] || [ -n "$token" ] || wrong_usage "--break-lock needs the token that the message named."
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  read_process_facts
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is not to be found." "Install it, then run this again."
  case $job in
    break) ask_lock break "$token" ;;
    locks) show_lock ;;
    all)
      look_at_versions
      look_at_installation
      look_at_identity
      look_at_agent_hooks
      look_at_sops_rules "$TOP"
      look_at_vaults
      show_lock || DOCTOR_EXIT=$?
      exit "$DOCTOR_EXIT"
      ;;
  esac
}

DOCTOR_EXIT=0

ask_lock() {
  local job=$1
  shift
  run_python_with_packages lock "$job" "$LOCK_DIR" "$LOCK_STATE" "$MACHINE_ID" "$BOOT_ID" "$@"
}

show_lock() {
  ask_lock show || return
  ! read_owner || find_stopped
  [ -z "$STOPPED" ] || say "[WARN] $STOPPED"
}

look_at_versions() {
  local version
  version=$(git version)
  version=${version#git version }
  say "git $version, bash $BASH_VERSION, $("$PYTHON" --version)"
  case $version in
    [01].* | 2.[0-9].* | 2.[12][0-9].* | 2.3[0-7].*)
      say "[ERROR] git 2.38 or newer is needed (merge-tree --write-tree)."
      DOCTOR_EXIT=$EXIT_SETUP
      ;;
  esac
}

# What is missing here does not stop a sync, so it is no fault.
look_at_installation() {
  local text
  ROLE=main
  if runs_from_here; then look_at_files; fi
  if needs_setup; then say "[WARN] The hook and git's settings of this clone are of an older version: $(setup_command)"; fi
  text=$(run_python_with_packages environment "$TOOLKIT/pyproject.toml" "$STATE/venv" --check 2>&1) ||
    say "[WARN] Python packages are missing ($(visible "${text##*$'\n'}")): $(setup_command)"
}

# A hook with a damaged file does nothing. The comparison tells what is damaged, or that an upgrade was cut off.
look_at_files() {
  run_python install --job check --toolkit "$TOOLKIT" --state-format "$STATE_FORMAT" --command "$(typed_command install)" \
    -- "$TOP" 2>&1 | sed 's/^\[OK\] Nothing to do: //'
}

# An agent's hooks never disturb it: what went wrong in them is told here, for a week.
look_at_agent_hooks() {
  local line when what
  run_python_with_packages unhooked
  [ -s "$STATE/hooks.log" ] || return 0
  line=$(tail -n 1 "$STATE/hooks.log")
  when=${line%% *} what=${line#* }
  case $when in '' | *[!0-9]*) return 0 ;; esac
  read_epoch
  [ $((NOW - when)) -lt 604800 ] || return 0
  say "[WARN] A hook of the agent failed at $(clock_time "$when"): $(visible "$what")"
  say "       All of them: $(quoted "$STATE/hooks.log")"
}

# What says to be encrypted and cannot be read is no fault either, but nobody may believe that all is checked.
look_at_sops_rules() {
  local rule
  [ -f "$1/.sops.yaml" ] || return 0
  while IFS= read -r rule; do
    [ -n "$rule" ] || continue
    say "[WARN] This path_regex of $(visible "$1/.sops.yaml") cannot be read here: $(visible "$rule")"
    say "       Each YAML, JSON, env and ini file beside it counts as one that has to be encrypted, no other file does."
    say "       Write it in plainer words: no \\p, no octal numbers."
  done < <(run_python sealed --rules "$1/.sops.yaml")
}

look_at_vaults() {
  local fault
  for VAULT_SAID in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do
    if judge_vault; then
      look_at_sops_rules "$VAULT"
    else
      say_vault_fault "$VAULT_FAULT" "$VAULT_FIX"
    fi
  done
  for fault in ${VAULT_FAULTS[@]+"${VAULT_FAULTS[@]}"}; do
    say_vault_fault "$(visible "$fault")" "Correct it there, or name all vaults anew: $(setup_command) --vault PATH"
  done
}

say_vault_fault() {
  say "[ERROR] $1"
  say "        $2"
  DOCTOR_EXIT=$EXIT_SETUP
}

look_at_identity() {
  local text
  if load_identity "$TOP"; then
    say "You are $(visible "$ID_NAME") <$(visible "$ID_EMAIL")> on $(visible "$ID_MACHINE")."
  else
    text=${PROBLEMS[0]#*$'\n'}
    say "[ERROR] ${text%%$'\n'*}"
    say "        Set it up: $(setup_command)"
    DOCTOR_EXIT=$EXIT_SETUP
  fi
}

main "$@"
