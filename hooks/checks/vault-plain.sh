# shellcheck shell=bash
# Rule: what is meant to be encrypted is encrypted: files that a path_regex of .sops.yaml names, whatever lies in a
# password store (a folder with .gpg-id, or below one), and *.age.

# -o prints what matches alone, so that no binary text comes along. The last one is the first byte of binary OpenPGP.
readonly SEAL_PATTERNS=('mac"?[ :=]+"?ENC\[AES256_GCM,' '^age-encryption\.org/v1' '^-----BEGIN (AGE|PGP) [A-Z ]+-----'
  $'^[\x80-\xff]')

# find_seal PATH: 0 with SEAL (sops, gpg or age) when PATH below CONVENTIONS, a folder, has to be encrypted.
find_seal() {
  local path=$1 name=${1##*/} folder=''
  SEAL=''
  case $path in */*) folder=${path%/*}/ ;; esac
  if [ "$folder" != "${SEAL_FOLDER-none}" ]; then find_conventions "$folder"; fi
  case $name in
    *.age) SEAL=age && return 0 ;;
    .* | README* | LICENSE*) return 1 ;;
  esac
  if [ -n "$SEAL_STORE" ]; then
    SEAL=gpg
  elif [ -n "$SEAL_RULES" ] && is_named_by_sops "${path#"$SEAL_TOP"}"; then
    SEAL=sops
  else
    return 1
  fi
}

# The nearest .gpg-id and .sops.yaml at or above FOLDER ('' or "a/b/"). Paths come in order: mostly the same folder.
find_conventions() {
  local at=$1
  SEAL_FOLDER=$1 SEAL_STORE='' SEAL_RULES='' SEAL_TOP=''
  while :; do
    [ ! -e "$CONVENTIONS/$at.gpg-id" ] || SEAL_STORE=${SEAL_STORE:-yes}
    if [ -z "$SEAL_RULES" ] && [ -f "$CONVENTIONS/$at.sops.yaml" ]; then SEAL_TOP=$at && read_sops_rules "$CONVENTIONS/$at.sops.yaml"; fi
    [ -n "$at" ] || return 0
    at=${at%/}
    case $at in */*) at=${at%/*}/ ;; *) at='' ;; esac
  done
}

# SEAL_RULES: one regular expression a line. A rule without path_regex says how to encrypt, not what.
read_sops_rules() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]-]*path_regex:[[:space:]]*(.*)$ ]] || continue
    line=${BASH_REMATCH[1]}
    case $line in
      \'*) line=${line#\'} line=${line%\'*} line=${line//\'\'/\'} ;;
      \"*) line=${line#\"} line=${line%\"*} line=${line//\\\\/\\} ;;
      *) line=${line%%[[:space:]]#*} ;;
    esac
    # Go's expressions, as far as they differ from POSIX ones.
    line=${line//\\d/[0-9]} line=${line//\\w/[A-Za-z0-9_]} line=${line//(\?:/(} line=${line//(\?i)/}
    SEAL_RULES+=$line$'\n'
  done <"$1"
}

is_named_by_sops() {
  local path=$1 rule
  while IFS= read -r rule; do
    [ -n "$rule" ] || continue
    [[ $path =~ $rule ]]
    case $? in
      0) return 0 ;;
      2) case $path in *.yaml | *.yml | *.json | *.env | *.ini) return 0 ;; esac ;; # an expression that we cannot read
    esac
  done <<<"$SEAL_RULES"
  return 1
}

# take_seal_line NUMBER TEXT: notes which seals the file bears.
take_seal_line() {
  case $2 in
    mac*) SEALS+=' sops' ;;
    age-*) [ "$1" != 1 ] || SEALS+=' age' ;;
    *'BEGIN AGE'*) [ "$1" != 1 ] || SEALS+=' age' ;;
    *'BEGIN PGP MESSAGE'*) [ "$1" != 1 ] || SEALS+=' gpg' ;;
    [$'\x80'-$'\xff']*) [ "$1" != 1 ] || SEALS+=' gpg' ;;
  esac
}

# judge_seal PATH SEAL: 0 when the file bears the seal; any of them will do where sops is asked for.
judge_seal() {
  local path=$1
  case $SEALS/$2 in *" $2"*/* | ' '*/sops) return 0 ;; esac
  RULE_TEXT='is not encrypted'
  case $2 in
    sops)
      RULE_TEXT+=', and .sops.yaml asks for it'
      RULE_FIX="Encrypt it: sops encrypt --in-place $(quoted "$path")"
      ;;
    gpg)
      RULE_TEXT+=', and lies in a password store'
      RULE_FIX="Put it in: pass insert --multiline NAME <$(quoted "$path")     then remove it here"
      ;;
    age) RULE_FIX="Encrypt it: age -e -R RECIPIENTS -o $(quoted "${path##*/}") PLAINTEXT" ;;
  esac
  return 1
}
