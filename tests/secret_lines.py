"""Lines with credentials and lines that look like it, in the style of ops notes. Tokens are made anew from a seed."""

from __future__ import annotations

import base64
import random
import string

DIGITS, LOWER, UPPER = string.digits, string.ascii_lowercase, string.ascii_uppercase
ALNUM = DIGITS + LOWER + UPPER
HEX = DIGITS + "abcdef"
B32 = UPPER + "234567"
B64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"


class Maker:
    """Random parts of a token."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, alphabet: str, count: int) -> str:
        return "".join(self.random.choice(alphabet) for _ in range(count))

    def password(self) -> str:
        word = self.random.choice(["Winter", "Hamster", "Kaffee", "Router", "Blue", "Zugspitze", "Falcon", "Monday"])
        return word + self.some(DIGITS, 2) + self.random.choice("!#$%?*") + self.some(LOWER, 2)

    def bitlocker(self) -> str:
        return "-".join(f"{self.random.randrange(9090, 65535) * 11:06}" for _ in range(8))


def secrets(seed: int = 1) -> list[str]:
    """One line for each way in which people write a credential down."""
    m = Maker(seed)
    s, pw = m.some, m.password
    jwt = ".".join(
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in ('{"alg":"HS256","typ":"JWT"}', '{"sub":"svc-backup","iat":' + s(DIGITS, 10) + "}")
    )
    docker = base64.b64encode(f"deploy:{pw()}".encode()).decode()
    return [
        # shapes
        f"key AKIA{s(B32, 16)} belongs to the backup user",
        f"aws_secret_access_key = {s(B64, 40)}",
        f"token: ghp_{s(ALNUM, 36)}",
        f"git clone https://x-access-token:ghs_{s(ALNUM, 36)}@github.com/acme/ops",
        f"PAT github_pat_{s(ALNUM, 22)}_{s(ALNUM, 59)}",
        f"glpat-{s(URLSAFE, 20)} (runner)",
        f"//registry.npmjs.org/:_authToken=npm_{s(ALNUM, 36)}",
        f"twine upload -u __token__ -p pypi-AgEIcHlwaS5vcmc{s(URLSAFE, 60)}",
        f"slack bot xoxb-{s(DIGITS, 12)}-{s(DIGITS, 12)}-{s(ALNUM, 24)}",
        f"curl -X POST https://hooks.slack.com/services/T{s(UPPER, 8)}/B{s(UPPER, 8)}/{s(ALNUM, 24)}",
        f"stripe: sk_live_{s(ALNUM, 24)}",
        f"ANTHROPIC_API_KEY=sk-ant-api03-{s(URLSAFE, 90)}AA",
        f"export OPENAI_API_KEY=sk-proj-{s(URLSAFE, 60)}",
        f"maps key AIza{s(URLSAFE, 35)}",
        f"AccountName=acmebackup;AccountKey={s(B64, 86)}==;EndpointSuffix=core.windows.net",
        f"https://acme.blob.core.windows.net/b?sv=2022-11-02&se=2027-01-01&sig={s(ALNUM, 43)}%3D",
        f"AZURE_CLIENT_SECRET={s(ALNUM, 3)}8Q~{s(URLSAFE, 34)}",
        f"bot {s('123456789', 10)}:AA{s(URLSAFE, 33)}",
        f"https://discord.com/api/webhooks/{s('123456789', 18)}/{s(URLSAFE, 68)}",
        "https://acme.webhook.office.com/webhookb2/6f1e2d3c-1111-4222-8333-abcdefabcdef@0a1b2c3d-1111-4222-8333-abcdefabcdef"
        f"/IncomingWebhook/{s(HEX, 32)}/6f1e2d3c-1111-4222-8333-abcdefabcdef",
        f"Authorization: Bearer {jwt}.{s(URLSAFE, 43)}",
        f"AGE-SECRET-KEY-1{s('QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L', 58)}",
        f"tailscale up --authkey tskey-auth-{s(ALNUM, 12)}CNTRL-{s(ALNUM, 32)}",
        f"DO token dop_v1_{s(HEX, 64)}",
        f"HF_TOKEN=hf_{s(ALNUM, 34)}",
        f"shopify shpat_{s(HEX, 32)}",
        f"SENDGRID=SG.{s(URLSAFE, 22)}.{s(URLSAFE, 43)}",
        f"twilio SK{s(HEX, 32)}",
        f"vault login hvs.{s(URLSAFE, 24)}",
        f"docker login -u acme -p dckr_pat_{s(URLSAFE, 27)}",
        f'"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC{s(B64, 20)}\\n"',
        # what people write
        f"Password: {pw()}",
        f"- **Password:** `{pw()}`",
        f"- fw01 admin password: {pw()}",
        f"Passwort für den Router: {pw()}",
        f"| admin password | {pw()} |",
        f"admin / {pw()}",
        f"login: admin / {pw()}",
        f"the new password is {pw()}",
        f"password reset to {pw()} for Jane",
        f"switch PIN: {s(DIGITS, 4)}",
        f"WLAN Acme-Guest PSK: {pw()}",
        f"WPA2 key = {s(LOWER, 4)}-{s(DIGITS, 4)}-{s(LOWER, 4)}",
        f"BitLocker recovery key C: {m.bitlocker()}",
        f"TOTP seed: {s(B32, 32)}",
        f"otpauth://totp/Acme:admin?secret={s(B32, 32)}&issuer=Acme",
        f"curl -u admin:{pw()} https://fw01.acme.example/api",
        f"machine git.acme.example login ci password {pw()}",
        f"postgres://app:{pw().replace('#', '!').replace('?', '!')}@db01.acme.example:5432/app",
        f"net use Z: \\\\nas01\\backup {pw()} /user:acme\\svc-backup",
        f'$p = ConvertTo-SecureString "{pw()}" -AsPlainText -Force',
        f"enable secret 0 {pw()}",
        f"enable password 7 {s('0123456789ABCDEF', 18)}",
        f"username admin privilege 15 password 0 {pw()}",
        f"snmp-server community {s(LOWER, 4)}{s(DIGITS, 4)} RW",
        f'"auth": "{docker}"',
        f"Server=sql01;Database=erp;User Id=sa;Password={pw()};Encrypt=true",
        f"mysql -u root -p{pw()} erp",
        f"sshpass -p '{pw()}' ssh admin@sw01",
        f"DB_PASSWORD={pw()}",
        f'password = "{pw()}"',
        f"  password: '{pw()}'",
        f"API key: {s(HEX, 32)}",
        f"X-Api-Key: {s(ALNUM, 28)}",
        f"api_key={s(ALNUM, 24)}",
        f"client_secret: {s(ALNUM, 30)}",
        f"SECRET_KEY_BASE={s(HEX, 64)}",
        f"VPN pre-shared key: {s(ALNUM, 20)}",
        f"net user helpdesk {pw()} /add",
        f"cmdkey /add:nas01 /user:svc /pass:{pw()}",
        f"restic backup password: {s(LOWER, 6)}-{s(LOWER, 5)}-{s(LOWER, 7)}-{s(LOWER, 4)}",
        f"iDRAC root/{pw()}, still the factory one",
        f"Kennwort: {pw()}",
        f"PGPASSWORD={pw()} psql -h db01",
        f"WIFI:T:WPA;S:Guest;P:{s(ALNUM, 12)};;",
        f"set psksecret {s(ALNUM, 16)}",
        f"wpa-psk ascii 0 {s(ALNUM, 14)}",
        f"redis-cli -a {pw()} ping",
        f"dbPassword: {pw()}",
        f"Recovery code: {s(HEX, 4)}-{s(HEX, 4)}-{s(DIGITS, 4)}",
    ]


def harmless(seed: int = 1) -> list[str]:
    """One line for each thing that looks like a credential and is none."""
    m = Maker(seed)
    s = m.some
    return [
        "Password: <password>",
        "Password: vault:acme/fw01",
        "password: {{ vault_db_password }}",
        "DB_PASSWORD=${DB_PASSWORD}",
        "DB_PASSWORD=$(pass show acme/db01)",
        'password = os.environ["DB_PASSWORD"]',
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "Password: ********",
        "Password: [redacted]",
        "Password: (see the vault)",
        "password: changeme",
        "Password: your-password-here",
        "The password policy asks for 12 characters and 2 digits.",
        "Password reset for Mike, ticket #48213",
        "password_expires: 2026-12-31",
        "password_min_length = 14",
        "max_tokens: 4096",
        "token_ttl: 24h",
        "token bucket: 100/s",
        "Tokens used: 12,345",
        "AWS key AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "token ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_... is the prefix of a GitHub token",
        "OPENAI_API_KEY=sk-...",
        "export ANTHROPIC_API_KEY=sk-ant-your-key-here-your-key-here",
        "curl -u user:password https://example.com",
        'curl -u "$USER:$PASS" https://fw01.acme.example',
        "https://user:pass@host/path",
        "postgres://postgres:postgres@localhost:5432/app",
        "postgresql://scott:tiger@localhost/test",
        f"commit {s(HEX, 40)}",
        f"sha256: {s(HEX, 64)}",
        f'"integrity": "sha512-{s(B64, 86)}=="',
        f"Client ID: {s(HEX, 8)}-1111-4222-8333-{s(HEX, 12)}",
        f"tenant_id = {s(HEX, 8)}-1111-4222-8333-{s(HEX, 12)}",
        f"BitLocker key ID: {s(HEX, 8).upper()}",
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{s(B64, 43)} mike@linux-01",
        f"public key: age1{s(LOWER + DIGITS, 58)}",
        f"SHA256:{s(B64, 43)} fw01 (ED25519)",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "grep -r 'BEGIN PRIVATE KEY' .",
        "$ANSIBLE_VAULT;1.1;AES256",
        f"password: ENC[AES256_GCM,data:{s(B64, 20)},iv:{s(B64, 40)}=,tag:{s(B64, 20)}==,type:str]",
        f"root:$6$rounds=5000${s(ALNUM, 16)}${s(ALNUM, 80)}:19000:0:99999:7:::",
        f"password_hash: $2y$10${s(ALNUM, 53)}",
        "enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0",
        "secretName: tls-acme-2026",
        "secret: projects/12345/secrets/db/versions/2",
        "password_file: /run/secrets/db_password",
        "passwordHash = bcrypt(password, 12)",
        "def login(user: str, password: str) -> Token:",
        "password = getpass.getpass()",
        "token = request.headers.get('X-Token')",
        "const secret = generateSecret(32);",
        "if password == other_password:",
        "GPIO pin: 17",
        "Pin 12 of the connector is ground",
        "Authorization: Bearer <token>",
        "Authorization: Basic ${BASIC}",
        "api_key: env.API_KEY",
        "API key: stored in Bitwarden, item fw01",
        "Credentials: see vault:acme/vpn",
        "Password was changed on 2026-05-01 by Howard",
        "password: required",
        "password: string;",
        "The key is in the safe, box 12",
        "key: ssh-rsa",
        "WPA2-Enterprise with certificates, no PSK",
        "SSID: Acme-Guest-5G",
        "MAC 00:1a:2b:3c:4d:5e",
        "Serial: FCW2140L0GH",
        "License: MIT",
        "Ticket T20260612.0042: password reset",
        "keepass database: vault/acme.kdbx",
        "git config user.signingkey 0x4AEE18F83AFDEB23",
        "pass insert acme/fw01",
        "password: !vault |",
        'etag: W/"5e15153d-2"',
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.abcdefghijklmnop",
        f"build {s(DIGITS, 8)}-{s(DIGITS, 4)}",
        "credentials: same-origin",
        "docker login -u acme --password-stdin",
        "mysql -u root -p erp",
        "TOTP: set up with Authy, 6 digits",
        "access_token_url: https://login.acme.example/oauth2/v2.0/token",
        "user / password as in the vault",
        "| User | Password |",
        "|------|----------|",
        "passphrase: none",
        "pin: 5",
        "PSK: in the vault, acme/wlan",
        "session-key rotation: every 90 days",
    ]
