# shellcheck shell=bash
# Rule: what is meant to be encrypted is encrypted. Here is decided by name whether there is anything to judge; what asks
# for encryption, and whether a file is encrypted, is read in one place: pylib/claudetools/vault/judge.py.
# Needs: python, identity.
# Sets: RULE_FIX RULE_TEXT SEAL_NEAR.

# may_be_sealed PATH: 0 when PATH below CONVENTIONS, a folder, may have to be encrypted.
may_be_sealed() {
  local folder=''
  case $1 in *.age | *.gpg) return 0 ;; esac
  case /$1 in */group_vars/* | */host_vars/* | */vars/*) case ${1##*/} in vault*) return 0 ;; esac ;; esac
  case $1 in */*) folder=${1%/*}/ ;; esac
  if [ "$folder" != "${SEAL_FOLDER-none}" ]; then find_conventions "$folder"; fi
  [ -n "$SEAL_NEAR" ]
}

is_convention() {
  case ${1##*/} in .gpg-id | .age-recipients | .sops.yaml) ;; *) return 1 ;; esac
}

# SEAL_NEAR: whether a convention of a vault is at or above FOLDER ('' or "a/b/"). Paths come in order: mostly the same
# folder. What a sparse checkout hides cannot be seen from here.
find_conventions() {
  local at=$1 text
  SEAL_FOLDER=$1 SEAL_NEAR=''
  [ "${CONFIG_SPARSE:-no}" = no ] || SEAL_NEAR=1
  while [ -z "$SEAL_NEAR" ]; do
    if [ -e "$CONVENTIONS/$at.gpg-id" ] || [ -e "$CONVENTIONS/$at.age-recipients" ] || [ -e "$CONVENTIONS/$at.sops.yaml" ]; then
      SEAL_NEAR=1
    elif [ -e "$CONVENTIONS/$at.gitattributes" ]; then
      IFS= read -r -d '' text 2>/dev/null <"$CONVENTIONS/$at.gitattributes"
      case $text in *filter=git-crypt*) SEAL_NEAR=1 ;; esac
    fi
    [ -n "$at" ] || return 0
    at=${at%/}
    case $at in */*) at=${at%/*}/ ;; *) at='' ;; esac
  done
}

# judge_seals REPORT ARGS...: calls REPORT COMMIT PATH KIND STILL for each file that breaks the rule (see judge.py for
# ARGS and KIND). Where that cannot be found out, all of SEAL_PATHS (commit and path in pairs) break it.
judge_seals() {
  local report=$1 commit path kind still i all=('')
  shift
  while IFS= read -r -d '' commit && IFS= read -r -d '' path && IFS= read -r -d '' kind && IFS= read -r -d '' still; do
    all+=("$commit" "$path" "$kind" "$still")
  done < <(find_python && run_python sealed --top "$TOP" "$@" 2>/dev/null && printf 'end\0\0\0\0')
  i=${#all[@]}
  if [ "$i" -lt 4 ] || [ "${all[i - 4]}" != end ]; then
    all=('')
    for ((i = 0; i < ${#SEAL_PATHS[@]}; i += 2)); do all+=("${SEAL_PATHS[i]}" "${SEAL_PATHS[i + 1]}" unknown 1); done
  fi
  for ((i = 1; i < ${#all[@]}; i += 4)); do
    [ "${all[i]}" = end ] || "$report" "${all[i]}" "${all[i + 1]}" "${all[i + 2]}" "${all[i + 3]}"
  done
}

# describe_unsealed PATH KIND: sets RULE_TEXT and RULE_FIX.
describe_unsealed() {
  local path=$1 place
  place=$(near "$path")
  RULE_TEXT='is not encrypted'
  case $2 in
    sops)
      RULE_TEXT+=', and .sops.yaml asks for it'
      RULE_FIX="Encrypt it: sops encrypt --in-place $place"
      ;;
    part)
      RULE_TEXT='has values in plain text among those that sops has encrypted'
      RULE_FIX="sops cannot open it like this. Take them out again, then put them in by: sops edit $place"
      ;;
    unread)
      RULE_TEXT+=', and .sops.yaml has a path_regex that cannot be read'
      RULE_FIX="Encrypt it, or see which: $(typed_command doctor)"
      ;;
    gpg)
      RULE_TEXT+=', and lies in a password store'
      RULE_FIX="Put it in: pass insert --multiline NAME <$place     then remove it here"
      ;;
    age) RULE_FIX="Encrypt it: age -e -R RECIPIENTS -o $place PLAINTEXT" ;;
    pgp) RULE_FIX="Encrypt it: gpg -e -r WHOM -o $place PLAINTEXT" ;;
    git-crypt)
      RULE_TEXT+=', and .gitattributes asks git-crypt for it'
      RULE_FIX="Unlock here, so that git encrypts it: git-crypt unlock, then: git-crypt status -f"
      ;;
    ansible) RULE_TEXT+=', and is named as a vault of Ansible' RULE_FIX="Encrypt it: ansible-vault encrypt $place" ;;
    was)
      RULE_TEXT='was encrypted, and is not any more'
      RULE_FIX="Encrypt it again, or take it back: $(git_here) checkout HEAD -- $(quoted "$path")"
      ;;
    unmarked)
      RULE_TEXT='goes, and with it what asks to encrypt the files that stay there'
      RULE_FIX="Bring it back: $(git_here) checkout HEAD -- $(quoted "$path")"
      ;;
    outside)
      RULE_TEXT='has left its store, and nothing there asks to encrypt what is added beside it'
      RULE_FIX='Take .gpg-id or .age-recipients along.'
      ;;
    *)
      RULE_TEXT='may have to be encrypted, and cannot be looked at without Python'
      RULE_FIX="Install Python $PYTHON_FLOOR, then: $(typed_command doctor)"
      ;;
  esac
}
