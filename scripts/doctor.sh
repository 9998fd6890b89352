#!/usr/bin/env bash
# Summary: Look for what is wrong, and say what mends it.
# Usage: doctor.sh [--json] | --locks | --break-lock TOKEN
#
# Looks at git, Python and its packages, the installed files, the commit hook, identity, settings, agents' hooks, vaults, the
# remote, the schedule and the lock. The first line is the verdict. Each thing is [OK], [WARN] or [ERROR], with the command
# that mends it below. What cannot be told is never [OK]. Nothing is changed.
#
#   --json               the same as one object on stdout
#   --locks              only who has the lock
#   --break-lock TOKEN   clear the lock of a run that no sync can judge (another machine on a shared disk, a container that
#                        is gone): that very run's lock or nothing
#
# Exit status: 0 no [ERROR]; 64 usage; 73 the lock belongs to a run that cannot be judged; 78 something is missing or wrong.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python times owner claim lock results repository settings identity vault first_time checks json; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local job=all token='' json=''
  case ${1:-} in
    '') ;;
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    --json) json=1 ;;
    --locks) job=locks ;;
    --break-lock) job=break token=${2:-} ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  [ "$job" != break ] || [ -n "$token" ] || wrong_usage "--break-lock needs the token that the message named."
  [ "$job" = break ] || [ $# -lt 2 ] || wrong_usage "Unknown argument: $(visible "$2")"
  reset_results
  forget_repository .
  open_repository . && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  read_process_facts
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is not to be found." "Install it, then run this again."
  case $job in
    break) ask_lock break "$token" ;;
    locks) show_lock ;;
    all)
      look_at_everything
      if [ -n "$json" ]; then print_findings_as_json; else print_findings; fi
      exit "$DOCTOR_EXIT"
      ;;
  esac
}

look_at_everything() {
  ROLE=main
  look_at_versions
  look_at_installation
  look_at_commit_hook
  look_at_identity
  look_at_settings
  look_at_agent_hooks
  look_at_sops_rules "$TOP"
  look_at_vaults
  look_at_remote
  look_at_schedule
  look_at_lock
}

# --- findings --------------------------------------------------------------------

DOCTOR_EXIT=0 LEVELS=() FINDINGS=() MORE=()

# find_that LEVEL TEXT [LINE...]: what was seen; the lines below it are mostly the command that mends it.
find_that() {
  local level=$1 text=$2 more=''
  shift 2
  [ $# -eq 0 ] || printf -v more '%s\n' "$@"
  LEVELS+=("$level") FINDINGS+=("$text") MORE+=("${more%$'\n'}")
  [ "$level" != ERROR ] || raise_exit "$EXIT_SETUP"
}

raise_exit() {
  worse_exit "$DOCTOR_EXIT" "$1"
  DOCTOR_EXIT=$WORSE
}

# find_told <LINES LEVEL: the words of another program; a line with a mark of its own begins the next finding.
find_told() {
  local line level=$1 text='' more=()
  while IFS= read -r line; do
    case $line in
      '[OK] '* | '[WARN] '* | '[ERROR] '*)
        [ -z "$text" ] || find_that "$level" "$text" ${more[@]+"${more[@]}"}
        level=${line%%]*} text=${line#*] } more=()
        level=${level#[}
        ;;
      *) if [ -z "$text" ]; then text=$line; else more+=("${line#"${line%%[! ]*}"}"); fi ;;
    esac
  done
  [ -z "$text" ] || find_that "$level" "$text" ${more[@]+"${more[@]}"}
}

verdict() { # sets VERDICT, its mark first
  local level errors=0 warnings=0 words=''
  for level in "${LEVELS[@]}"; do
    case $level in ERROR) errors=$((errors + 1)) ;; WARN) warnings=$((warnings + 1)) ;; esac
  done
  [ "$errors" -eq 0 ] || words=$(count_of "$errors" error)
  [ "$warnings" -eq 0 ] || words=${words:+$words, }$(count_of "$warnings" warning)
  VERDICT="[OK] Everything that was looked at is in order."
  [ -z "$words" ] || VERDICT="[WARN] $words."
  [ "$errors" -eq 0 ] || VERDICT="[ERROR] $words."
}

print_findings() {
  local i line
  verdict
  say "$VERDICT"
  for ((i = 0; i < ${#LEVELS[@]}; i++)); do
    say "[${LEVELS[i]}] ${FINDINGS[i]}"
    [ -n "${MORE[i]}" ] || continue
    while IFS= read -r line; do say "        $line"; done <<<"${MORE[i]}"
  done
}

print_findings_as_json() {
  local i comma=''
  verdict
  printf '{"exit": %s, "verdict": %s, "findings": [' "$DOCTOR_EXIT" "$(json_string "${VERDICT#*] }")"
  for ((i = 0; i < ${#LEVELS[@]}; i++)); do
    printf '%s{"level": "%s", %s}' "$comma" "${LEVELS[i]}" "$(json_message "${FINDINGS[i]}${MORE[i]:+$'\n'${MORE[i]}}")"
    comma=', '
  done
  printf ']}\n'
}

# --- the lock ----------------------------------------------------------------------

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

look_at_lock() {
  local text status
  text=$(show_lock 2>&1)
  status=$?
  if [ "$status" -ne 0 ]; then
    raise_exit "$status"
    find_told ERROR <<<"$text"
  else
    find_told OK <<<"$text"
  fi
}

# --- what it takes --------------------------------------------------------------

look_at_versions() {
  local version
  version=$(git version)
  version=${version#git version }
  case $version in
    [01].* | 2.[0-9].* | 2.[12][0-9].* | 2.3[0-7].*)
      find_that ERROR "git $version is too old (merge-tree --write-tree)." "Install git 2.38 or newer."
      ;;
    *) find_that OK "git $version, bash $BASH_VERSION, $("$PYTHON" --version)" ;;
  esac
}

look_at_installation() {
  local text
  if runs_from_here; then look_at_files; fi
  if needs_setup; then
    find_that WARN "The hook and git's settings of this clone are of an older version: $(setup_command)"
  fi
  if text=$(run_python_with_packages environment "$TOOLKIT/pyproject.toml" "$STATE/venv" --check 2>&1); then
    find_that OK "The Python packages are there."
  else
    find_that ERROR "Python packages are missing ($(visible "${text##*$'\n'}")): $(setup_command)" \
      "Without them a sync saves and sends; log, notes, sessions and wiki do not work."
  fi
}

# A hook with a damaged file does nothing. The comparison tells what is damaged, or that an upgrade was cut off.
look_at_files() {
  local text
  text=$(run_python install --job check --toolkit "$TOOLKIT" --state-format "$STATE_FORMAT" --command "$(typed_command install)" \
    -- "$TOP" 2>&1)
  find_told OK <<<"${text/\[OK\] Nothing to do: /[OK] }"
}

# Where git looks for it, in a clone that was set up.
look_at_commit_hook() {
  local hooks hook line=''
  [ -e "$STATE/installed.json" ] || return 0
  hooks=$(git -C "$TOP" rev-parse --path-format=absolute --git-path hooks)
  for hook in "$hooks/pre-commit" "${hooks%/_}/pre-commit"; do # husky makes the folder _, what people edit lies above it
    { read -r line && read -r line; } 2>/dev/null <"$hook"
    case $line in '# Installed by claudetools'*) [ ! -x "$hook" ] || { find_that OK "git's commit hook is in place." && return; } ;; esac
    ! grep -qs claudetools-start.sh "$hook" || { find_that OK "$(visible "$hook") calls the rules." && return; }
  done
  if [ -n "$CONFIG_HOOKS" ]; then
    find_that ERROR "The commit hook is not in place: core.hooksPath is $(visible "$CONFIG_HOOKS"). A plain git commit is not checked." \
      "What to add there: $(typed_command install) --check $(quoted "$TOP")"
  else
    find_that ERROR "The commit hook is not in place. A plain git commit is not checked." "Put it back: $(setup_command)"
  fi
}

look_at_settings() {
  local item words=''
  read_settings
  for item in ${SETTINGS_WRONG[@]+"${SETTINGS_WRONG[@]}"}; do
    find_that WARN "$item." "What it may hold: $(tools_command) help trust"
  done
  for item in ${SETTINGS_WAIT[@]+"${SETTINGS_WAIT[@]}"}; do words+="${words:+, }${item#*$'\t'}"; done
  [ -z "$words" ] || find_that WARN "Not in force here until you accept it: $words" "To accept it: $(typed_command trust)"
}

# Whether it can be reached, and would take a branch of ours. Nothing is sent.
look_at_remote() {
  local remote words
  remote=$(synced_remote)
  if [ -z "$remote" ]; then
    find_that WARN "There is no remote: what is saved stays on this machine." "Name one: git remote add origin URL"
  elif ! words=$(git -C "$TOP" ls-remote --heads "$remote" 2>&1 >/dev/null </dev/null); then
    find_that WARN "Whether $(visible "$remote") takes work cannot be told: $(visible "${words%%$'\n'*}")" "See: git ls-remote $(quoted "$remote")"
  elif [ -n "$(git -C "$TOP" rev-parse -q --verify HEAD)" ] &&
    ! words=$(git -C "$TOP" push -q --dry-run --no-verify "$remote" HEAD:refs/heads/claudetools/doctor 2>&1 </dev/null); then
    find_that ERROR "$(visible "$remote") can be read and takes nothing from here: $(visible "${words%%$'\n'*}")" \
      "See: git push --dry-run $(quoted "$remote") HEAD"
  else
    find_that OK "$(visible "$remote") answers, for reading and for writing."
  fi
}

synced_remote() { # as a sync chooses it
  local branch
  branch=$(git -C "$TOP" symbolic-ref -q --short HEAD)
  [ -n "$REMOTE" ] || REMOTE=$(git -C "$TOP" config "branch.$branch.remote")
  case $REMOTE in
    '' | .) case $REMOTES in *' origin '*) REMOTE=origin ;; *) REMOTE='' ;; esac ;;
  esac
  printf '%s' "$REMOTE"
}

look_at_schedule() {
  local text
  text=$(bash "$TOOLKIT/scripts/schedule.sh" status 2>&1)
  case $text in
    '[WARN] '*) find_told WARN < <(printf '%s\n' "$text" | head -n 2) ;;
    *) find_that OK "${text%%$'\n'*}" ;;
  esac
}

# An agent's hooks never disturb it: what went wrong in them is told here, for a week.
look_at_agent_hooks() {
  local line when what
  find_told WARN < <(run_python_with_packages unhooked 2>/dev/null)
  [ -s "$STATE/hooks.log" ] || return 0
  line=$(tail -n 1 "$STATE/hooks.log")
  when=${line%% *} what=${line#* }
  case $when in '' | *[!0-9]*) return 0 ;; esac
  read_epoch
  [ $((NOW - when)) -lt 604800 ] || return 0
  find_that WARN "A hook of the agent failed at $(clock_time "$when"): $(visible "$what")" "All of them: cat $(quoted "$STATE/hooks.log")"
}

# What says to be encrypted and cannot be read is no fault either, but nobody may believe that all is checked.
look_at_sops_rules() {
  local rule
  [ -f "$1/.sops.yaml" ] || return 0
  while IFS= read -r rule; do
    [ -n "$rule" ] || continue
    find_that WARN "This path_regex of $(visible "$1/.sops.yaml") cannot be read here: $(visible "$rule")" \
      "Each YAML, JSON, env and ini file beside it counts as one that has to be encrypted, no other file does." \
      "Write it in plainer words: no \\p, no octal numbers."
  done < <(run_python sealed --rules "$1/.sops.yaml")
}

look_at_vaults() {
  local fault
  for VAULT_SAID in ${ID_VAULTS[@]+"${ID_VAULTS[@]}"}; do
    if judge_vault; then
      look_at_sops_rules "$VAULT"
    else
      find_that ERROR "$VAULT_FAULT" "$VAULT_FIX"
    fi
  done
  for fault in ${VAULT_FAULTS[@]+"${VAULT_FAULTS[@]}"}; do
    find_that ERROR "$(visible "$fault")" "Correct it there, or name all vaults anew: $(setup_command) --vault PATH"
  done
}

look_at_identity() {
  local text
  if load_identity "$TOP"; then
    find_that OK "You are $(visible "$ID_NAME") <$(visible "$ID_EMAIL")> on $(visible "$ID_MACHINE")."
  else
    text=${PROBLEMS[0]#*$'\n'}
    find_that ERROR "${text%%$'\n'*}" "Set it up: $(setup_command)"
  fi
}

main "$@"
