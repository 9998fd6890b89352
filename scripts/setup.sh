#!/usr/bin/env bash
# Summary: Tell this machine who works on it, and set up this clone.
# Usage: setup.sh [--repo PATH] [--user ID] [--name "FULL NAME"] [--email ADDRESS] [--machine NAME] [--vault PATH]...
#                 [--timezone ZONE]
#
# Writes .claude/identity.json, which git ignores. What is not given is taken from the file that is there, from
# .claude/users.json and git's own settings, or asked for on a terminal: five questions at most. Then, in a repository
# that has claudetools, the hook and git's settings of this clone, and the Python packages of its commands. Run it again
# to change something, and after an upgrade; the rest stays.
#
#   --repo PATH      the repository (the one around this folder)
#   --user ID        short id, as in .claude/users.json
#   --name, --email  who the commits are by
#   --machine NAME   this machine's name (the host name)
#   --vault PATH     folder of the vault, a repository of its own; as often as there are vaults
#   --timezone ZONE  of the dates and times in logs, such as Europe/Berlin (machine: that of this
#                    machine; an identity.json from before that says none: America/Los_Angeles)
#
# Exit status: 0 written; 64 usage; 73 cannot be written; 75 a sync has the lock; 78 no repository, or a value is missing.
# Environment: CLAUDETOOLS_PYTHON is the interpreter for the helpers.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository settings identity vault checks first_time setup; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local repo=. user='' name='' email='' machine='' vaults=() timezone='' asked=''
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
      --repo | --user | --name | --email | --machine | --vault | --timezone)
        [ $# -ge 2 ] || wrong_usage "$1 needs a value."
        if [ "$1" = --vault ]; then vaults+=("$2"); else printf -v "${1#--}" '%s' "$2"; fi
        shift
        ;;
      *) wrong_usage "Unknown argument: $(visible "$1")" ;;
    esac
    shift
  done
  reset_results
  forget_repository "$repo"
  open_repository "$repo" && make_state || die "$REPO_EXIT" "${PROBLEMS[0]#*$'\n'}"
  read_present_values
  answer user "$user" "$ID_USER" "Short id" "${CONFIG_EMAIL%%@*}"
  answer name "$name" "$ID_NAME" "Full name" "$CONFIG_NAME"
  answer email "$email" "$ID_EMAIL" "E-mail address" "$CONFIG_EMAIL"
  answer machine "$machine" "$ID_MACHINE" "Name of this machine" "${HOSTNAME%%.*}"
  answer_vault
  refuse_bad_vaults
  write_identity
  say "[OK] This machine is $(visible "$machine"), and you are $(visible "$name") <$(visible "$email")>."
  tell_other_git_settings
  [ -z "$TRACKED_IDENTITY" ] || say "     git tracks that file, and it belongs to this machine alone: $(untrack_command .claude/identity.json)"
  say "     Written to .claude/identity.json. Save and sync: $(sync_command)"
  if runs_from_here; then
    prepare_clone
    exit
  fi
  ! find_python || install_packages # of the toolkit that runs: the commands of a checkout need them as well
  if [ -e "$TOP/.claude/claudetools.json" ]; then
    say "     The repository has a claudetools of its own, which was not touched. To set up its hook and git's settings as well,"
    say "     if you trust who wrote it: cd $(quoted "$TOP") && bash .claude/scripts/claudetools.sh setup"
  fi
}

main "$@"
