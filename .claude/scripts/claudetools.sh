#!/usr/bin/env bash
# The one call that never changes: the driver lies in .claude/claudetools/ of a repository that uses it, or here.
here=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
here=$(cd "${here:-.}" && pwd -P) || exit 70
[ -e "$here/../claudetools/scripts/${0##*/}" ] && exec bash "$here/../claudetools/scripts/${0##*/}" "$@"
exec bash "$here/../../scripts/${0##*/}" "$@"
