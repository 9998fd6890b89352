#!/usr/bin/env bash
# Summary: Put claudetools into a repository, or take it out.
# Usage: install.sh [--dry-run] [--no-archive [--source SPEC]] [--ci github|gitea] [--wait S] [--json]
#                   [--allow-cloud-folder] REPO
#        install.sh --check | --uninstall [--dry-run] [--wait S] [--json] REPO
#
# The repository gets one archive, .claude/claudetools-VERSION.tar.gz, which .claude/claudetools.json names with its sum,
# shims in .claude/scripts/ that unpack and start it, skills, entries in .claude/settings.json, marked lines in .gitignore,
# .gitattributes, AGENTS.md and CLAUDE.md; this clone gets a pre-commit hook that runs yours as well, and settings of git.
# A file that is not ours is never overwritten: it is kept in .claude/before-claudetools/ and named. Nothing is committed or
# pushed. Run it again after an update, or when it was interrupted.
#
#   --dry-run              show what would change; changes nothing
#   --check                compare only
#   --uninstall            bring back what was there before, and say what stays
#   --no-archive           without that file: each machine installs the version itself, and the shims take it from the PATH
#   --source SPEC          where from, for uv and pipx (claudetools==VERSION)
#   --ci SERVER            also the workflow that enforces the rules on the server
#   --wait S               seconds to wait for a sync that is running (75)
#   --json                 the plan or the result as one JSON object on stdout
#   --allow-cloud-folder   also in a folder of OneDrive, Dropbox, iCloud or Google Drive
#
# Exit status: 0 done, or up to date; 64 usage; 65 --check found a difference, or something of ours was changed by
# hand; 73 a file cannot be written; 75 a sync has the lock; 78 no repository, or it cannot work there.
# Environment: CLAUDETOOLS_PYTHON is the interpreter for the helpers.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python owner claim lock results repository; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

main() {
  local job=install repo='' wait=75 flags=()
  read_arguments "$@"
  find_python || die "$EXIT_SETUP" "Python $PYTHON_FLOOR or newer is not to be found." \
    "Install it, or name it: CLAUDETOOLS_PYTHON=/path/to/python3"
  # Not by run_python: there is no state folder yet to cache in, and a dry run leaves no trace (-B).
  "$PYTHON" -I -S -B "$TOOLKIT/pylib/claudetools/__main__.py" install --job "$job" --toolkit "$TOOLKIT" \
    --command "bash $(quoted "${BASH_SOURCE[0]}")" --state-format "$STATE_FORMAT" --wait "$wait" \
    ${flags[@]+"${flags[@]}"} -- "$repo"
}

# Sets job, repo, wait and flags of main.
read_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
      --check | --uninstall)
        [ "$job" = install ] || wrong_usage "--check and --uninstall exclude each other."
        job=${1#--}
        ;;
      --ci)
        case ${2:-} in github | gitea) ;; *) wrong_usage "--ci takes github or gitea, not '$(visible "${2:-}")'." ;; esac
        flags+=(--ci "$2")
        shift
        ;;
      --dry-run | --json | --no-archive) flags+=("$1") ;;
      --source)
        [ -n "${2:-}" ] || wrong_usage "--source needs a value."
        flags+=(--source "$2")
        shift
        ;;
      --allow-cloud-folder) flags+=(--allow-cloud) ;;
      --wait)
        wait=${2:-}
        shift || :
        ;;
      --)
        shift
        break
        ;;
      -*) wrong_usage "Unknown option: $(visible "$1")" ;;
      *) break ;;
    esac
    shift
  done
  [ $# -eq 1 ] && [ -n "$1" ] || wrong_usage "Name one repository."
  case $wait in '' | *[!0-9]*) wrong_usage "--wait takes whole seconds, not '$(visible "$wait")'." ;; esac
  repo=$1
}

main "$@"
