#!/usr/bin/env bash
# Summary: Show the whole job on real, temporary repositories.
# Usage: demo.sh [--keep]
#
# Makes a bare remote, a vault, two machines of two people and many sessions, and syncs them with the real sync.sh:
# all at once, against each other, killed half way, and while a program keeps writing. Every figure is what this run
# measured. Needs bash and git; what needs Python is skipped by name where there is none. Leaves nothing behind.
#
#   --keep   keep the folder and print its path
#
# Exit status: 0 everything was kept; 1 something was not; 64 usage.
set -uo pipefail

lib=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
lib=$(cd "${lib:-.}" && pwd -P)/lib || exit 70
for part in environment exit_codes ui python; do
  # shellcheck source=/dev/null
  . "$lib/$part.sh" || exit 70
done

readonly SESSIONS=8

main() {
  local keep=''
  case ${1:-} in
    '') ;;
    -h | --help) print_header "${BASH_SOURCE[0]}" && exit 0 ;;
    --keep) keep=1 ;;
    *) wrong_usage "Unknown argument: $(visible "$1")" ;;
  esac
  PLACE=$(mktemp -d "${TMPDIR:-/tmp}/claudetools-demo.XXXXXX") || exit "$EXIT_CANNOT_CREATE"
  PLACE=$(cd "$PLACE" && pwd -P)
  STATE=$PLACE FAILED=0 SCENE=0
  [ -n "$keep" ] || trap 'rm -rf "$PLACE"' EXIT
  trap 'exit 130' INT TERM HUP

  build_world
  say "claudetools demo: 2 machines, 2 people, $SESSIONS sessions, 1 vault, all in a temporary folder"
  scene "$SESSIONS sessions edit one file and save at once" eight_sessions
  scene "the vault is synced in the same run" vault
  scene_with_python "machine B pushes in the same second" two_machines
  scene_with_python "sync is killed half way" killed
  scene_with_python "a program keeps writing meanwhile" writer
  scene_with_packages "howard leaves a note for mike" note
  compare_with_plain_git
  [ -n "$keep" ] || rm -rf "$PLACE"
  [ "$FAILED" -eq 0 ] || die 1 "$FAILED of $SCENE scenes lost something." "Look: bash $(quoted "${BASH_SOURCE[0]}") --keep"
  if [ -n "$keep" ]; then say "Kept: $PLACE"; else
    say "[OK] Nothing left behind. Try it on your repository, without changing it:"
    say "     bash scripts/install.sh --dry-run ~/ops"
  fi
}

# --- the stage ------------------------------------------------------------------

scene() { # scene TITLE FUNCTION: the function prints its result, and fails when something was lost
  local title=$1 began result status
  SCENE=$((SCENE + 1))
  began=$(monotonic_ms)
  result=$("$2")
  status=$?
  printf '  %s  %-46s %-44s %s\n' "$SCENE" "$title" "$result" "$(seconds_since "$began")"
  [ "$status" -eq 0 ] || FAILED=$((FAILED + 1))
}

scene_with_python() { scene_where "needs Python $PYTHON_FLOOR" find_python "$@"; }

scene_with_packages() { scene_where "needs the Python packages, see setup.sh" has_packages "$@"; }

scene_where() { # scene_where NEED CONDITION TITLE FUNCTION: passed over by name where the condition does not hold
  local need=$1 condition=$2
  shift 2
  if "$condition"; then
    scene "$@"
  else
    SCENE=$((SCENE + 1))
    printf '  %s  %-46s %s\n' "$SCENE" "$1" "skipped: $need"
  fi
}

has_packages() { find_python && "$PYTHON" -I -c 'import click, frontmatter, markdown_it' 2>/dev/null; }

fail_scene() {
  printf '%s' "$1"
  return 1
}

seconds_since() {
  local ms=$(($(monotonic_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

build_world() {
  mkdir "$PLACE/home-A" "$PLACE/home-B"
  git init -q --bare -b main "$PLACE/ops.git"
  git init -q --bare -b main "$PLACE/vault.git"
  new_repository "$PLACE/ops.git" "$PLACE/home-A/ops" A
  mkdir "$PLACE/home-A/ops/.claude"
  printf '.claude/identity.json\n' >"$PLACE/home-A/ops/.gitignore"
  printf 'first line\n' >"$PLACE/home-A/ops/shared.md"
  first_commit "$PLACE/home-A/ops" A
  as A git clone -q "$PLACE/vault.git" "$PLACE/home-A/vault" 2>/dev/null
  as A git -C "$PLACE/home-A/vault" symbolic-ref HEAD refs/heads/main
  as B git clone -q "$PLACE/ops.git" "$PLACE/home-B/ops"
  as A bash "$TOOLKIT/scripts/setup.sh" --repo "$PLACE/home-A/ops" --user mike --name "Mike Swanson" --email mike@example.com \
    --machine MACHINE-A --vault "$PLACE/home-A/vault" >/dev/null || die 1 "setup.sh failed."
  as B bash "$TOOLKIT/scripts/setup.sh" --repo "$PLACE/home-B/ops" --user howard --name "Howard Lee" --email howard@example.com \
    --machine MACHINE-B >/dev/null || die 1 "setup.sh failed."
}

new_repository() {
  as "$3" git init -q -b main "$2"
  as "$3" git -C "$2" remote add origin "$1"
}

first_commit() {
  as "$2" git -C "$1" add -A
  as "$2" git -C "$1" -c user.name=Demo -c user.email=demo@example.com commit -q -m "Start"
  as "$2" git -C "$1" push -q -u origin main
}

# as MACHINE COMMAND...: with that machine's own home and nobody's git settings.
as() {
  local home=$PLACE/home-$1
  shift
  HOME=$home GIT_CONFIG_GLOBAL=$home/.gitconfig GIT_CONFIG_NOSYSTEM=1 "$@"
}

sync_as() { # sync_as MACHINE [ARGS...], in that machine's ops folder
  local machine=$1
  shift
  (cd "$PLACE/home-$machine/ops" && as "$machine" bash "$TOOLKIT/scripts/sync.sh" --quiet "$@")
}

on_remote() { git -C "$PLACE/ops.git" cat-file -e "main:$1" 2>/dev/null; }

# --- the scenes -------------------------------------------------------------------

# Each session adds a line to one shared file and writes one of its own; then all of them save at once.
eight_sessions() {
  local i arrived=0 failed=0 commits foreign pids=() ops=$PLACE/home-A/ops text=''
  find_python || PYTHON=''
  for ((i = 1; i <= SESSIONS; i++)); do
    printf 'what session %s found out\n' "$i" >>"$ops/findings.md"
    tell_hook "session-$i" "$ops/findings.md" "$text" "${text}what session $i found out\\n"
    text+="what session $i found out\\n"
    printf 'mine\n' >"$ops/session-$i.md"
    tell_hook "session-$i" "$ops/session-$i.md" '' 'mine\n'
  done
  for ((i = 1; i <= SESSIONS; i++)); do
    CLAUDETOOLS_SESSION_ID=session-$i sync_as A >"$PLACE/out-$i" 2>&1 &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || failed=$((failed + 1)); done
  for ((i = 1; i <= SESSIONS; i++)); do on_remote "session-$i.md" && arrived=$((arrived + 1)); done
  if [ -z "$PYTHON" ]; then
    printf '%s of %s files arrived, %s errors' "$arrived" "$SESSIONS" "$failed"
  else
    count_foreign_lines
    printf '%s commits, %s foreign lines, %s errors' "$commits" "$foreign" "$failed"
    [ "$commits" -eq "$SESSIONS" ] && [ "$foreign" -eq 0 ] || return 1
  fi
  [ "$arrived" -eq "$SESSIONS" ] && [ "$failed" -eq 0 ]
}

# What a coding agent's hook is told after a write, in the client's own words. Texts as JSON has them.
tell_hook() {
  local id=$1 file=$2 before=$3 after=$4 kind=update original=null
  [ -n "$PYTHON" ] || return 0
  if [ -n "$before" ]; then original="\"$before\""; else kind=create; fi
  printf '{"hook_event_name": "PostToolUse", "session_id": "%s", "cwd": "%s", "tool_name": "Write", "tool_use_id": "%s",
    "tool_input": {"file_path": "%s", "content": "%s"},
    "tool_response": {"type": "%s", "filePath": "%s", "content": "%s", "structuredPatch": [], "originalFile": %s}}' \
    "$id" "${file%/*}" "$id-${file##*/}" "$file" "$after" "$kind" "$file" "$after" "$original" |
    as A bash "$TOOLKIT/hooks/agent/post-tool-use" >>"$PLACE/out-hooks" 2>&1
}

# Sets the caller's `commits`, those that name a session, and `foreign`, the lines in them that another one wrote.
count_foreign_lines() {
  local line id=''
  commits=0 foreign=0
  while IFS= read -r line; do
    case $line in
      '='*) id=${line#=} commits=$((commits + 1)) ;;
      "+what session ${id#session-} found out" | +++* | +mine) ;;
      +*) foreign=$((foreign + 1)) ;;
    esac
  done < <(git -C "$PLACE/ops.git" log -p --grep='^Session-Id: ' --format='=%(trailers:key=Session-Id,valueonly,separator=+)' main)
}

vault() {
  printf 'age-encryption.org/v1\n-> X25519 abc\ndef\n--- ghi\n%s\n' "$(printf '\303\277%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)" >"$PLACE/home-A/vault/acme.age"
  sync_as A >"$PLACE/out" 2>&1
  git -C "$PLACE/vault.git" cat-file -e main:acme.age 2>/dev/null || fail_scene 'not there' || return
  printf 'pushed'
}

two_machines() {
  local one two
  printf 'from A\n' >"$PLACE/home-A/ops/a.md"
  printf 'from B\n' >"$PLACE/home-B/ops/b.md"
  sync_as A >"$PLACE/out-A" 2>&1 &
  one=$!
  sync_as B >"$PLACE/out-B" 2>&1 &
  two=$!
  wait "$one" && wait "$two" || fail_scene 'one of them failed' || return
  on_remote a.md && on_remote b.md || fail_scene 'a file is missing' || return
  [ -z "$(git -C "$PLACE/ops.git" rev-list --merges main)" ] || fail_scene 'a merge commit' || return
  printf 'both arrived, no merge commit'
}

killed() {
  local run
  sync_as A >/dev/null 2>&1
  printf 'incoming\n' >>"$PLACE/home-B/ops/shared.md"
  sync_as B >/dev/null 2>&1 || fail_scene 'B could not push' || return
  printf 'mine\n' >"$PLACE/home-A/ops/killed.md"
  # shellcheck disable=SC2016
  printf 'kill -9 "$2"\n' >"$PLACE/kill"
  CLAUDETOOLS_TEST_AT=fetched:$PLACE/kill sync_as A >"$PLACE/out" 2>&1
  run=$?
  sync_as A >"$PLACE/out" 2>&1 || {
    printf 'the next sync failed'
    return 1
  }
  on_remote killed.md && grep -q incoming "$PLACE/home-A/ops/shared.md" || {
    printf 'something is missing'
    return 1
  }
  printf 'ended by signal %s, the next one finished' $((run - 128))
}

writer() {
  local file=$PLACE/home-A/ops/shared.md i=0 round kept pid
  (
    trap 'exit 0' TERM
    while i=$((i + 1)); do
      printf 'line %s\n' "$i" >>"$file"
      printf '%s\n' "$i" >"$PLACE/written"
    done
  ) &
  pid=$!
  for round in 1 2 3; do
    sed "1s/.*/first line, $round/" "$PLACE/home-B/ops/shared.md" >"$PLACE/new" && cat "$PLACE/new" >"$PLACE/home-B/ops/shared.md"
    sync_as B >/dev/null 2>&1
    sync_as A >/dev/null 2>&1
  done
  kill -TERM "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  sync_as A >/dev/null 2>&1
  read -r i <"$PLACE/written"
  kept=$(grep -c '^line ' "$file")
  printf '%s of %s lines kept' "$kept" "$i"
  [ "$kept" -ge "$i" ]
}

note() {
  local tools=$TOOLKIT/scripts/claudetools.sh shown
  export CLAUDETOOLS_SESSION_ID=howard-1
  (cd "$PLACE/home-B/ops" && as B bash "$tools" log new "acme isp" &&
    printf '## Note for mike\n\nTheir ISP changed the gateway: check the firewall.\n' | as B bash "$tools" log append) >"$PLACE/out" 2>&1
  sync_as B >>"$PLACE/out" 2>&1
  shown=$(CLAUDETOOLS_SESSION_ID=mike-1 sync_as A 2>&1)
  case $shown in
    ====*'MESSAGE FROM Howard Lee'*'| Their ISP changed the gateway'*) printf 'shown on machine A' ;;
    *)
      printf 'not shown'
      return 1
      ;;
  esac
}

# The same eight saves with the five commands that everybody knows.
compare_with_plain_git() {
  local i arrived=0 mixed top=$PLACE/home-B/plain state='tree in order'
  git init -q --bare -b main "$PLACE/plain.git"
  new_repository "$PLACE/plain.git" "$top" B
  printf 'x\n' >"$top/x"
  first_commit "$top" B
  for ((i = 1; i <= SESSIONS; i++)); do
    (
      printf '%s\n' "$i" >"$top/session-$i.md"
      as B git -C "$top" add -A
      as B git -C "$top" -c user.name=Demo -c user.email=demo@example.com commit -q -m "session $i"
      as B git -C "$top" fetch -q
      as B git -C "$top" -c user.name=Demo -c user.email=demo@example.com rebase -q origin/main
      as B git -C "$top" push -q
    ) >/dev/null 2>&1 &
  done
  wait
  for ((i = 1; i <= SESSIONS; i++)); do
    git -C "$PLACE/plain.git" cat-file -e "main:session-$i.md" 2>/dev/null && arrived=$((arrived + 1))
  done
  [ ! -e "$top/.git/rebase-merge" ] || state='tree left mid-rebase'
  mixed=$(git -C "$PLACE/plain.git" log --format= --shortstat main | grep -c 'files changed')
  say "  the same $SESSIONS saves with plain git: $arrived of $SESSIONS files arrived, commits of several sessions: $mixed, $state"
}

main "$@"
