"""What credentials look like, what stands before them, and what is none: the tables of detector.py."""

from __future__ import annotations

import re

# --- by shape -------------------------------------------------------------------------

B64 = r"[A-Za-z0-9_-]"
SHAPES = [
    ("an AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"),
    ("a GitLab token", rf"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-{B64}{{20,}}|GR1348941{B64}{{20}}"),
    ("an npm token", r"npm_[A-Za-z0-9]{36}"),
    ("a PyPI token", rf"pypi-AgE{B64}{{40,}}"),
    ("a RubyGems token", r"rubygems_[a-f0-9]{48}"),
    ("a Slack token", r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}"),
    ("a Slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}"),
    ("a Stripe key", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,}"),
    ("an Anthropic key", rf"sk-ant-{B64}{{20,}}"),
    ("an OpenAI key", rf"sk-(?:proj|svcacct|admin|None|or-v1)-{B64}{{20,}}|sk-(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{32,}}"),
    ("a Google API key", rf"AIza{B64}{{35}}"),
    ("a Google OAuth secret", rf"GOCSPX-{B64}{{24,}}|ya29\.{B64}{{30,}}|1//0{B64}{{40,}}"),
    ("an Azure storage key", r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,90}={0,2}"),
    ("an Azure SAS signature", r"(?<=[?&;])sig=[A-Za-z0-9%+/_-]{40,}={0,2}"),
    ("an Azure client secret", r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    ("an Azure DevOps token", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18}AZDO[A-Za-z0-9]{4}"),
    ("a Telegram bot token", rf"\d{{8,10}}:AA{B64}{{32,34}}"),
    ("a Discord webhook", rf"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{{15,20}}/{B64}{{50,}}"),
    ("a Discord bot token", rf"[MNO][A-Za-z0-9]{{23,27}}\.{B64}{{6}}\.{B64}{{27,40}}"),
    ("a Teams webhook", r"webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-z]{20,}"),
    ("a JSON web token", rf"eyJ{B64}{{10,800}}\.eyJ{B64}{{10,4000}}\.{B64}{{10,}}"),
    ("an age key", r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50,}"),
    ("a Tailscale key", r"tskey-(?:[a-z]+-)?[A-Za-z0-9]+-[A-Za-z0-9]{16,}"),
    ("a DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("a Hugging Face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    ("a Shopify token", r"shp(?:at|ca|pa|ss|tka)_[a-fA-F0-9]{32}"),
    ("a SendGrid key", rf"SG\.{B64}{{16,32}}\.{B64}{{32,64}}"),
    ("a Twilio key", r"SK[0-9a-f]{32}"),
    ("a HashiCorp token", rf"hv[sbr]\.{B64}{{24,}}|[A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{60,}}"),
    ("a Docker token", rf"dckr_(?:pat|oat)_{B64}{{24,}}"),
    ("a Mailgun key", r"key-[0-9a-f]{32}"),
    ("a Mailchimp key", r"[0-9a-f]{32}-us\d{1,2}"),
    ("a Brevo key", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    ("a Grafana token", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/]{32,}={0,2}"),
    ("a New Relic key", r"NRAK-[A-Z0-9]{27}"),
    ("a Notion token", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}"),
    ("a Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,}"),
    ("an Atlassian token", r"ATATT3[A-Za-z0-9_=-]{60,}|ATCTT3[A-Za-z0-9_=-]{60,}|ATBB[A-Za-z0-9]{32}"),
    ("a Figma token", rf"figd_{B64}{{30,}}"),
    ("a Doppler token", r"dp\.(?:pt|st|ct|scim|audit)\.[A-Za-z0-9._-]{40,}"),
    ("a PlanetScale token", rf"pscale_(?:tkn|pw|oauth)_{B64}{{32,}}"),
    ("a Supabase token", r"sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,}"),
    ("a Netlify token", r"nfp_[A-Za-z0-9]{36}"),
    ("a crates.io token", r"cio[A-Za-z0-9]{32}"),
    ("a Square token", rf"sq0(?:atp|csp)-{B64}{{22,}}"),
    ("a Databricks token", r"dapi[0-9a-f]{32}"),
    ("a Groq key", r"gsk_[A-Za-z0-9]{40,}"),
    ("an xAI key", r"xai-[A-Za-z0-9]{60,}"),
    ("a Replicate token", r"r8_[A-Za-z0-9]{37}"),
    ("an Artifactory key", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,}"),
    ("a Sentry token", r"sntr[ys]u?_[A-Za-z0-9+/=_-]{40,}"),
    ("a Fly.io token", r"FlyV1 fm\d+_[A-Za-z0-9+/=,_-]{50,}"),
    ("a PuTTY key", r"PuTTY-User-Key-File-\d"),
]
SHAPE = re.compile(
    r"(?<![A-Za-z0-9_])(?:" + "|".join(f"(?P<s{n}>{shape})" for n, (_, shape) in enumerate(SHAPES)) + ")"
)
PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?P<rest>.*)")
PEM_BODY = re.compile(
    r"\s*(?:\\n|[\"'>|*#/ \t])*(?:[A-Za-z0-9+/=]{16,}|(?:Proc-Type|DEK-Info|Version|Comment|Private-Lines):).*"
)
PEM_LINE = re.compile(r"[\s>|*#\"'+-]*(?:[A-Za-z0-9+/=]{1,200}|[A-Z][\w-]*: [^\n]{0,200})[\"'\\n\s,]*")
PEM_END = re.compile(r"-----END ")
BITLOCKER = re.compile(r"(?<![\d-])\d{6}(?:-\d{6}){7}(?![\d-])")
OTPAUTH = re.compile(r"otpauth://[^\s\"'<>]{0,300}[?&]secret=(?P<value>[A-Za-z2-7=]{16,})")

# --- by what stands before it ------------------------------------------------------------

KEYWORD = (
    r"(?:pass(?:word|wd|phrase|code|wort)?s?|pwd|pw|kennw(?:o|ö)rt|secret|token|credentials?|creds|psk|pin(?:code)?"
    r"|pre-?shared[ _-]?(?:key|secret)|(?:api|access|secret|private|auth|encryption|account|storage|shared|master"
    r"|signing|wpa\d?|wlan|wi-?fi|network|security|subscription|recovery|bitlocker|deploy|license|service|session"
    r"|app|client|consumer|function|host|integration|root|admin)[ _-]?(?:key|secret|pass)"
    r"|(?:totp|otp|2fa|mfa)(?:[ _-]?(?:seed|secret|key|setup(?: key)?))?|(?:recovery|backup|scratch)[ _-]?codes?"
    r"|community|(?:wlan|wi-?fi)-?(?:schlüssel|kennwort|passwort)|zugangsdaten|_?auth(?:[ _-]?token)?)"
)
# `password`, `DB_PASSWORD`, `dbPassword`, `Passwort für den Router`, `password (admin)`.
NAME = (
    rf"(?:(?<![A-Za-z])(?i:{KEYWORD})|(?<=[a-z0-9])(?:Password|Passwd|Pass|Secret|Token|ApiKey|AccessKey|SecretKey|AuthKey|AccountKey|SharedKey)"
    r"|(?<=[A-Z])(?:PASSWORD|PASSWD|SECRET|TOKEN|APIKEY))"
)
BETWEEN = r"(?P<between>(?:[_ -]{1,3}(?:[^\W_]|[./@]){1,30}){0,6}|[A-Z]\w{0,30}|\d{1,3}|\s*\([^()\n]{0,40}\)|\s*\[[^\]\n]{0,40}\])"
SEPARATOR = (
    r"[*_`\"'’”\])]*\s*(?P<sign>:=|=>|->|→|={1,3}|:{1,2}|\|\||\|"
    r"|\b(?:(?:is|was)(?: now)?|now|lautet|ist(?: jetzt)?|(?:(?:changed|set|reset|updated|rotated|changes?|sets?) to))\b)"
    r"\s*[*_]*\s*"
)
VALUE = (
    r"(?:\"(?P<double>[^\"\n]+)\"|'(?P<single>[^'\n]+)'|`+(?P<code>[^`\n]+)`+|[„“](?P<low>[^“”\n]+)[“”]"
    r"|(?P<word>[^\s\"'`][^\s`|]*))"
)
ASSIGNED = re.compile(NAME + BETWEEN + SEPARATOR + VALUE)
# `password hunter2!`, without a sign between them.
SPOKEN = re.compile(
    r"(?<![\w-])(?i:(?P<name>password|passwort|kennwort|passphrase|passcode|pin|psk|secret|pwd|pw))\s+(?:\d\s+)?"
    + VALUE
)
PAIR = re.compile(
    r"(?<![\w/:.@<-])(?i:log-?[io]n|logon|creds?|credentials?|zugang(?:sdaten)?|anmeldung|user(?:name)?(?:\s*(?:/|and|und|\+)\s*"
    r"pass(?:word)?)?|benutzer|account|admin|root)\b[^:=|/\n]{0,24}[:=|]?\s*[`\"']?[\w.@\\-]*[`\"']?\s*(?:/|:|\|)\s*"
    + VALUE
)
OPTION = re.compile(
    r"(?<!\S)(?:--?|/)(?i:[\w-]*(?:password|passwd|pwd|passphrase|token|secret|api-?key|psk|pass)|pw|p)(?:[ =:]\s*)"
    + VALUE
)
COMMANDS = [
    re.compile(pattern + VALUE)
    for pattern in (
        r"(?:curl|wget|http|https|xh|ab)\b.*?\s(?:-u|--user|--proxy-user|-U|-a)[ =]?[\"']?[^\s:\"']+:",
        r"(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b.*?\s-p",
        r"(?:sshpass|docker login|podman login|az login|rdesktop|oc login|skopeo login|helm registry login)\b.*?\s-p[ =]?",
        r"(?:ldapsearch|ldapmodify|ldapadd|bcp|sqlcmd|ipmitool|psexec|redis-cli|smbclient|plink|pscp)\b.*?\s-(?:w|P|a|p|pw)\s+",
        r"(?:smbclient|rpcclient|net)\b.*?\s-U\s*[^\s%]+%",
        r"(?i:net use)\s+\S+(?:\s+\\\\\S+)?\s+(?=\S+\s+/user)",
        r"(?i:net use)\s+.*?/user:\S+\s+(?!/)",
        r"(?i:net user)\s+\S+\s+(?![/*])",
        r"(?i:ConvertTo-SecureString)\s+(?:-String\s+)?(?=[\"'])",
        r"(?i:cmdkey)\b.*?/pass:",
        r"(?i:xfreerdp|mstsc|wfreerdp)\b.*?/p:",
        r"-pass(?:in|out)?\s+pass:",
        r"(?i:htpasswd)\s+-\w*b\w*\s+\S+\s+\S+\s+",
        r"machine\s+\S+\s+login\s+\S+\s+password\s+",
        r"(?i:authorization)[\"']?\s*[:=]\s*[\"']?(?i:bearer|basic|token|apikey)\s+",
        r"(?i:enable|username\s+\S+(?:\s+privilege\s+\d+)?)\s+(?:secret|password)\s+(?:level\s+\d+\s+)?(?:\d\s+)?",
        r"(?i:snmp-server community|tacacs-server key|radius-server key|crypto isakmp key|key-string|wpa-psk ascii"
        r"|pre-shared-key(?: local| remote)?|ppp (?:chap|pap) password|set (?:psksecret|passwd|password)"
        r"|standby \d+ authentication|ip ospf authentication-key|neighbor \S+ password)\s+(?:\d\s+)?",
        r"(?i:WIFI):\S*?;P:(?=[^;\s])",
        r"(?:echo|printf)\s+[\"']?[\w.-]+:(?=.*chpasswd)",
    )
]
URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://(?P<user>[^\s/:@\"'<>]{0,200}):(?P<value>[^\s/@\"'<>]{1,200})@(?=[\w\[.-])"
)
DOCKER = re.compile(r"[\"']auth[\"']\s*:\s*[\"'](?P<value>[A-Za-z0-9+/]{8,}={0,2})[\"']")

# The name of a table's column, and a name with something behind it.
SECRET_COLUMN = re.compile(rf"(?i)\W*(?:[\w ]+[ _-])?{KEYWORD}\W*")
NAMED = re.compile(rf"(?i){KEYWORD}[*_`\"']*\s*[:=][*\s]*\S")

# A name that goes on like this tells of something else than the value.
OTHER_NAME = re.compile(
    r"(?i)(?:^|[_ -])(?:file|path|hash|hashes|digest|fingerprint|policy|policies|length|len|size|expir\w*|rotation|manager"
    r"|prompt|field|type|types|kind|id|ids|name|names|url|uri|endpoint|count|counts|limit|limits|ttl|age|store|vault|ref"
    r"|reset|changed|change|at|date|until|valid|version|format|algorithm|alg|auth|authentication|required|enabled|disabled"
    r"|encoding|prefix|suffix|regex|pattern|rules?|label|hint|strength|generator|provider|backend|engine|scope|scopes"
    r"|issuer|bucket|usage|budget|window|per|management|server|service|env|var|variable|arg|param|parameter|option"
    r"|column|header|cookie|input|class|function|method|test|tests|example|lifetime|lifespan|timeout|max|min|location"
    r"|link|page|form|section|owner|holder|user|users|last4|rate|cost|costs|index|map|list|kid|arn)(?=[_ -]|$)"
    r"|(?:File|Path|Hash|Id|Name|Url|Uri|Type|Ref|Policy|Length|Expiry|Count|Limit|Ttl|Store|Reset|Field|Provider)$"
)
BEFORE = re.compile(
    r"(?i)(?<![A-Za-z])(?:max|min|num|total|n|per|public|pub|csrf|next|page|cursor|stop|eos|bos|pad|unk|reset|gpio|no"
    r"|starting|client|request|action|idempotency|identity|continuation|sync|upload|event|sort|cache|by|pass|double|cross)[ _-]?$"
)

# What a line with a credential has at least, outside of a table. Plain words first: a regular expression for all of them
# costs ten times as much. hooks/checks/secrets.ere asks git for as much.
WORDS = """pass pwd kennw secret token cred auth key psk pin code otp 2fa mfa zugang anmeld login logon log-in log-on user benutzer
    account admin root community :// wifi: wlan akia asia abia acca eyj ghp_ gho_ ghu_ ghs_ ghr_ github_pat glpat- gldt- glrt- glcbt-
    glptt- glft- glimt- glagent- glsoat- gloas- glffct- gr1348941 npm_ pypi- xox xapp- hooks.slack sk_live sk_test rk_live rk_test sk-
    aiza gocspx ya29 1//0 sig= 7q~ 8q~ :aa discord office.com _v1_ hf_ org_ shpat shpca shppa shpss shptka sg. hvs. hvb. hvr. atlasv1
    dckr glsa_ glc_ nrak- ntn_ lin_ atatt3 atctt3 atbb figd dp. pscale sbp_ sb_ nfp_ sq0 dapi gsk_ xai- r8_ akcp cmvmdgtu sntr flyv1 azdo
    curl wget mysql mariadb sshpass ldap sqlcmd bcp ipmitool psexec redis-cli smbclient rpcclient plink pscp rdesktop mstsc xfreerdp
    htpasswd chpasswd cmdkey convertto-secure enable neighbor standby ospf""".split()
REST = re.compile(
    r"SK[0-9a-f]{32}|[MNO][A-Za-z0-9]{23}|\d{6}-\d{6}|-us\d|cio[A-Za-z0-9]{32}|\s[-/]p\W|(?i:net use|https? )"
)

# --- what is no secret ------------------------------------------------------------------------

EMPTY_WORDS = frozenset(
    """a an the my your our his their new old some any this that these user users username name pass passwd password
    passwords passphrase passwort kennwort pw pwd secret secrets token tokens key keys api access private public
    client auth login admin example examples sample samples test tests testing tester dummy fake mock foo bar baz qux
    here goes insert change me changeme changeit redacted removed hidden masked secure value values string str text
    abc abcd abcdef xyz xxx xxxx strong random long super very demo default placeholder todo tbd none null nil
    undefined empty unset true false yes no on off ok unknown same unchanged required optional mandatory needed see in
    stored saved kept from via ask at was is are has have had must should needs not of for to with and or by as
    changed reset rotated expired set sent given shared int integer bool boolean bytes object type any char varchar
    env environ environment config settings vault op keychain bitwarden lastpass keepass onepassword prompt stdin file
    path url uri host hostname server service account app application db database root guest postgres mysql redis
    rabbitmq tiger scott bob alice django flask s3cr3t p4ssw0rd passw0rd whatever something anything other another
    bearer basic digest oauth jwt ntlm kerberos plain plaintext encrypted hashed base hex id ids that's it's what how
    where when who why only each every all both more less than then if else let var const def fn return self cls
    enter type choose use using used uses get gets put make generate generated create created""".split()
)
REFERENCE = re.compile(
    r"\$(?:\{|\(|[A-Za-z_]|env:)|\{\{|\{%|<|%\(|%\{|%[A-Z_]+%|\{|@\w+@|!(?:vault|Ref|Sub|secret|env)\b|ENC\[|vault:|op://|pass:"
    r"|keychain:|env:|ref\+|arn:|file:|process\.env|os\.|env\.|secrets?\.|config\.|getenv|ENV\[|\(?(?:System|Environment)\."
    r"|\[[\w.\"'\\]+|~\w|//|\.{2,}|…|\*{2,}|•|#{3,}|-{2,}|_{3,}|=+$|\[(?:hidden|redacted|removed|masked|secret|password|REDACTED)"
    r"|sops:|gpg:|age1|projects/|secretsmanager|ssm:|/(?:run|etc|var|home|usr|opt|dev|tmp)/|~/|\./|\.\./|[A-Z]:\\"
)
HASH = re.compile(
    r"\$(?:1|2[abxy]?|5|6|7|y|gy|argon2\w*|scrypt|pbkdf2\S*|apr1|8|9)\$|\{(?:SSHA|SHA|MD5|CRYPT|PBKDF2)|(?:sha(?:1|224|256|384|512)|md5|pbkdf2\w*|bcrypt|scrypt|SHA256|MD5)[:$-]"
    r"|[0-9a-f]{2}(?::[0-9a-f]{2}){7,}|ssh-(?:rsa|ed25519|dss)|ecdsa-sha2|AAAA[BCE]3Nza|SHA256:",
)
PLAIN_THING = re.compile(
    r"(?i)v?\d+(?:\.\d+){1,3}\S*"  # a version, an address
    r"|\d{4}-\d\d-\d\d\S*|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}:\d\d(?::\d\d)?"
    r"|[\d.,]+\s?(?:d|h|m|s|ms|us|min|mins|hours?|days?|weeks?|months?|years?|chars?|characters?|bits?|bytes?|k|kb|mb|gb|%|\+|x|/\w+)"
    r"|\d+-\d+|#\d+|[A-Z]{2,6}-\d{1,6}|(?:rs|hs|es|ps|aes|sha|md|rsa|ed|p|utf|base|oauth|wpa|mfa|http|x|tls|ipv|ec|ecdsa|cve)-?\d+\w{0,4}(?:-\w+)?"
    r"|(?:\w+=)?[\w.+-]+@[\w-]+\.[\w.]+|https?://\S*|[\w-]+\.(?:md|txt|json|ya?ml|toml|ini|conf|cfg|py|js|ts|go|rs|sh|html?|env|gpg|age|kdbx|pem|key|crt|com|org|net|io|dev|zip|gz|xz|tgz"
    r"|bin|ova|vhdx?|iso|img|png|jpe?g|pdf|docx?|xlsx?|csv|log|exe|dll|msi)\b\S*|\S+/"
)
CODE = re.compile(
    r"[A-Za-z_][\w.:>-]*[(\[]|[a-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+[;,)]*$|(?:new|await|async|lambda|func|function)\b"
)
UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PATH = re.compile(r"(?:[A-Za-z0-9_.@-]{1,24}/)+[A-Za-z0-9_.@-]{1,40}(?::\w+)?")
PROSE = re.compile(r"\s+[a-zäöüß]{2,}(?:\s|[.,;]|$)")
