# shellcheck shell=bash
# Rule: no file goes out whose name says that it holds credentials. Editors' and backups' copies of it count as it.
# Needs: TOP, and pipefail.

# is_secret PATH [BLOB]: by its name, and for a certificate by what is in the file, or in the blob.
is_secret() {
  local name=${1##*/} path=/$1
  shopt -s nocasematch
  strip_copy_marks "$name"
  path=${path%"$name"}$BARE_NAME
  local status=1
  case $BARE_NAME in
    .env.example* | .env.sample* | .env.template* | .env.dist* | .env.default* | .env.test | .env.schema | .env.vault) ;;
    .env | .env.* | .env-* | .env_*) status=0 ;;
    id_rsa*.pub | id_dsa*.pub | id_ecdsa*.pub | id_ed25519*.pub) ;;
    id_rsa | id_dsa | id_ecdsa | id_ed25519 | id_*_sk | id_rsa[._-]* | id_ed25519[._-]* | id_ecdsa[._-]* | id_dsa[._-]*) status=0 ;;
    *.pfx | *.p12 | *.ppk | *.jks | *.keystore | *.kdbx | *.kdb | *.keytab | *.agekey | *.bek | secring.gpg) status=0 ;;
    .netrc | _netrc | .git-credentials | .pgpass | pgpass.conf | .pypirc | .s3cfg | .boto | .dockercfg | .terraformrc) status=0 ;;
    .vault_pass* | .vault-pass* | vault_pass | vault_pass.txt | vault-password* | .vault_token | .vault-token) status=0 ;;
    kubeconfig | kubeconfig.y*ml | *.kubeconfig | *.tfstate | *.tfstate.backup | credentials.tfrc.json) status=0 ;;
    credentials.json | client_secret*.json | service-account*.json | service_account*.json | serviceaccount*.json) status=0 ;;
    application_default_credentials.json | rclone.conf | logins.json | key4.db | msal_token_cache*) status=0 ;;
    *.pem | *.key) ! holds_key "$1" "${2:-}" || status=0 ;;
    *)
      case $path in
        */.aws/credentials | */.docker/config.json | */.kube/config | */.gem/credentials | */.cargo/credentials*) status=0 ;;
        */.config/gh/hosts.yml | */.azure/accesstokens.json | */.ssh/id_* | */.gnupg/private-keys* | */.config/rclone/*) status=0 ;;
      esac
      ;;
  esac
  shopt -u nocasematch
  return "$status"
}

# strip_copy_marks NAME: sets BARE_NAME, the name of which an editor or a backup made this one.
strip_copy_marks() {
  local before=''
  BARE_NAME=$1
  while [ "$BARE_NAME" != "$before" ]; do
    before=$BARE_NAME
    case $BARE_NAME in
      '#'*'#') BARE_NAME=${BARE_NAME#\#} BARE_NAME=${BARE_NAME%\#} ;;
      '.#'?*) BARE_NAME=${BARE_NAME#.#} ;;
      '~$'?*) BARE_NAME=${BARE_NAME#\~\$} ;;
      ?*'~') BARE_NAME=${BARE_NAME%\~} ;;
      .*.sw[a-p])
        BARE_NAME=${BARE_NAME%.sw?}
        case $BARE_NAME in ..* | .id_* | .*.pem | .*.key) BARE_NAME=${BARE_NAME#.} ;; esac
        ;;
      ?*.bak | ?*.old | ?*.orig | ?*.save | ?*.backup | ?*.copy | ?*.tmp | ?*.new) BARE_NAME=${BARE_NAME%.*} ;;
      ?*.bak[0-9] | ?*.old[0-9] | ?*.[0-9] | ?*.[0-9][0-9]) BARE_NAME=${BARE_NAME%.*} ;;
      ?*' copy' | ?*' - Copy') BARE_NAME=${BARE_NAME% copy} BARE_NAME=${BARE_NAME% - Copy} ;;
      ?*' ('[0-9]')') BARE_NAME=${BARE_NAME% (*} ;;
    esac
  done
}

# holds_key PATH BLOB: what cannot be read may be one. Never through a link, never from a pipe: that would read outside of
# the tree, or for ever. Not `git | grep -q` either: grep ends at the first match, and git would fail then.
holds_key() {
  local count
  if [ -z "$2" ]; then
    [ -f "$TOP/$1" ] && [ ! -L "$TOP/$1" ] && grep -q 'PRIVATE KEY' "$TOP/$1" 2>/dev/null
    return
  fi
  count=$(git -C "$TOP" cat-file blob "$2" 2>/dev/null | { grep -c 'PRIVATE KEY' || [ $? -eq 1 ]; }) || return 0
  [ "$count" -gt 0 ]
}
