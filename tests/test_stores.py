"""Stores of secrets, by their conventions, and every way in which plain text could leave them."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudetools.vault.conventions import Unclear, compile_go, read_rules
from claudetools.vault.sealed import is_public, is_sealed
from claudetools.vault.yaml_lines import Leaf, UnreadableYaml, read
from vaults import AGE, ANSIBLE, CIPHER, DATA_KEY, ENV, GIT_CRYPT, GPG, INI, JSON, RECIPIENT, YAML, with_vault
from world import Machine, World, needs, run_plain

SOPS_JSON = {"sops": json.loads(JSON)["sops"]}
SEALED: dict[str, bytes] = {
    "gpg": GPG,
    "age": AGE,
    "git-crypt": GIT_CRYPT,
    "ansible": ANSIBLE,
    "yaml": YAML.encode(),
    "json": JSON.encode(),
    "env": ENV.encode(),
    "ini": INI.encode(),
    "binary": json.dumps({"data": CIPHER.replace("type:str", "type:bytes"), **SOPS_JSON}).encode(),
}
SOPS = [kind for kind in SEALED if kind in ("yaml", "json", "env", "ini", "binary")]


@pytest.mark.parametrize("kind", SEALED)
def test_what_is_encrypted_is_known(kind: str) -> None:
    data = SEALED[kind]
    assert is_sealed(data)
    assert not is_sealed(b"password: hunter2\n" + data) and not is_sealed(data[:20])
    if kind not in ("age", "git-crypt"):  # whose end only a key could tell
        assert not is_sealed(data + b"password: hunter2\n")


PLAIN = [
    b"\xef\xbb\xbfpassword: hunter2\r\n",
    "Übergabe: hunter2\n".encode(),
    "password".encode("utf-16"),
    b"\x89PNG\r\n\x1a\n",
    b"\x85\x01\x0cAAAA",
    GPG + b"\xcb\x08b\0\0\0\0\0hi",
    b"\xcb\x08b\0\0\0\0\0hi",
    b"",
    b"age-encryption.org/v1\n",
    AGE[:-20],
    AGE + b"password: hunter2\n",
    AGE + b"a password: hunter2",
    GIT_CRYPT + b"password: hunter2\n",
    b"password: hunter2\n# mac: ENC[AES256_GCM,\n",
    f"sops:\n    mac: {CIPHER}\na: [hunter2]\n".encode(),
    YAML.replace(f"- {CIPHER}", "- hunter2").encode(),
    YAML.replace(f"#{CIPHER}", "# was hunter2").encode(),
    (YAML + "    old: hunter2\n").encode(),
    (YAML + "    # was hunter2\n").encode(),
    YAML.replace("3.11.0", "hunter2").encode(),
    YAML.replace("2026-11-29T21:31:28Z", "hunter2").encode(),
    YAML.replace("    version:", "    attention: hunter2\n    version:").encode(),
    (YAML + "---\nthird: hunter2\n").encode(),
    YAML.replace(CIPHER, "ENC[AES256_GCM,data:hunter2,type:str]", 1).encode(),
    YAML.replace(CIPHER, "ENC[AES256_GCM,data:aHVudGVyMg==,iv:x,tag:y,type:str]", 1).encode(),
    YAML.replace(json.dumps(DATA_KEY), "hunter2").encode(),
    YAML.replace("          enc:", "          note: hunter2\n          enc:").encode(),
    YAML.replace(RECIPIENT, "hunter2").encode(),
    YAML.replace("    age:\n", "    notes:\n        - x: hunter2\n    age:\n").encode(),
    YAML.replace(f"    mac: {CIPHER}\n", "").encode(),
    YAML.replace("db:", "db: &x").replace(f"list:\n        - {CIPHER}", "list:\n        - *x").encode(),
    JSON.replace('"a"', '"a": "hunter2", "a"').encode(),
    JSON.replace("null", "1").encode(),
    (ENV + "C=hunter2\n").encode(),
    (ENV + "sops_note=hunter2\n").encode(),
    (ENV + "sops_age__list_0__map_x=hunter2\n").encode(),
    (ENV + "password hunter2=\n").encode(),
    ENV.replace("A=", "# hunter2\nA=").encode(),
    INI.replace("[sec]", "[sec]\np = hunter2").encode(),
    INI.replace("[sec]", "[sec]\np: hunter2 =").encode(),
    (INI + "age__list_0__map_note = hunter2\n").encode(),
]


@pytest.mark.parametrize("data", PLAIN)
def test_what_only_looks_like_it_is_plain(data: bytes) -> None:
    assert not is_sealed(data)


def test_what_the_first_sops_wrote_is_encrypted() -> None:
    """1.x, which PyPI has: with a warning, and keys of PGP."""
    warning = "This section contains key material that should only be modified with extra care. See `sops -h`."
    body = b64encode(GPG).decode()
    armor = f"-----BEGIN PGP MESSAGE-----\nVersion: GnuPG v2\n\n{body}\n=9Z2k\n-----END PGP MESSAGE-----\n"
    key = json.dumps(
        {"fp": "62036E12D45585524D69ADE9F4324C641445123C", "enc": armor, "created_at": "2016-01-01T00:00:00Z"}
    )
    text = JSON.replace('"sops": {', f'"sops": {{"attention": "{warning}", "pgp": [{key}],')
    assert is_sealed(text.encode())


def test_what_sops_is_told_to_leave_plain_may_be_plain() -> None:
    rules = {
        "unencrypted_suffix: _unencrypted": "encrypted_regex: ^(password|list)$",
        "site_unencrypted": "site",
        f"#{CIPHER}": "# what people read",
        f"second: {CIPHER}": "second: visible",
    }
    text = YAML
    for old, new in rules.items():
        text = text.replace(old, new)
    assert is_sealed(text.encode())
    assert not is_sealed(text.replace(f"password: {CIPHER}", "password: hunter2").encode())
    assert not is_sealed(text.replace("^(password|list)$", r"(?=a)").replace(CIPHER, "x", 1).encode())


@pytest.mark.skipif(bool(needs("gpg")), reason=needs("gpg"))
def test_what_gpg_really_writes(tmp_path: Path) -> None:
    def gpg(*args: str, data: bytes = b"hunter2" * 9000) -> bytes:
        call = ("gpg", "--homedir", str(tmp_path), "--batch", "-q", "--pinentry-mode", "loopback", "--passphrase", "x")
        return subprocess.run((*call, *args), input=data, capture_output=True, check=True).stdout

    for options in ([], ["-a"], ["--compress-algo", "none"]):
        message = gpg("-c", *options)
        assert is_sealed(message) and not is_sealed(message[:-9]), options
    assert not is_sealed(gpg("--store"))


def age_key(folder: Path) -> str:
    """For whom to encrypt, of a new pair of keys."""
    done = subprocess.run(("age-keygen", "-o", str(folder / "key")), capture_output=True, check=True)
    return done.stderr.split()[-1].decode()


@pytest.mark.skipif(bool(needs("age")), reason=needs("age"))
def test_what_age_really_writes(tmp_path: Path) -> None:
    key = age_key(tmp_path)
    for options in ([], ["-a"]):
        call = ("age", "-r", key, *options)
        message = subprocess.run(call, input=b"hunter2", capture_output=True, check=True).stdout
        assert is_sealed(message), options


def without_sops() -> bool:
    """The first sops, which PyPI has, knows no age."""
    if not (shutil.which("sops") and shutil.which("age-keygen")):
        return True
    return "--age" not in subprocess.run(("sops", "--help"), capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(without_sops(), reason="sops 3 or age is not installed")
@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", "# c\na: x # d\nb: [1, {c: true}]\n---\nd: |\n  e\n"), ("a.json", '{"a": [1, null, {"b": "c"}]}'),
     ("a.env", "# c\nA=x\nB=\n"), ("a.ini", "; c\n[s]\na = x\n"), ("a.txt", "plain\n")],
)  # fmt: skip
def test_what_sops_really_writes(tmp_path: Path, name: str, text: str) -> None:
    key = age_key(tmp_path)
    (tmp_path / name).write_text(text)
    for options in ([], ["--encrypted-regex", "^a$"], ["--unencrypted-suffix", "a"]):
        call = ("sops", "encrypt", "--age", key, *options, str(tmp_path / name))
        assert is_sealed(subprocess.run(call, capture_output=True, check=True).stdout), options


@pytest.mark.skipif(bool(needs("git-crypt")), reason=needs("git-crypt"))
def test_what_git_crypt_really_writes(machine: Machine) -> None:
    machine.git("crypt", "init")
    machine.write(".gitattributes", "*.key filter=git-crypt diff=git-crypt\n")
    machine.write("a.key", "hunter2\n" * 900)
    machine.write("empty.key", "")
    assert machine.sync().code == 0
    for name in ("a.key", "empty.key"):
        call = ("git", "-C", str(machine.top), "cat-file", "blob", f"origin/main:{name}")
        assert is_sealed(subprocess.run(call, capture_output=True, check=True).stdout), name


@pytest.mark.skipif(bool(needs("ansible-vault")), reason=needs("ansible-vault"))
def test_what_ansible_really_writes(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x\n")
    for options in ([], ["--encrypt-vault-id", "default"]):
        (tmp_path / "vault.yml").write_text("a: hunter2\n")
        call = ("ansible-vault", "encrypt", *options, "--vault-id", f"default@{tmp_path}/password", "vault.yml")
        subprocess.run(call, cwd=tmp_path, capture_output=True, check=True)
        assert is_sealed((tmp_path / "vault.yml").read_bytes()), options


@given(st.binary())
def test_any_bytes_are_judged(data: bytes) -> None:
    assert not is_sealed(data) and not is_public(data[:1])


@given(st.text(alphabet="ab :-#'\"[]{},&*!|>%@\n\t?\\$~"))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (read, read_rules):
        with suppress(UnreadableYaml):
            reader(text)


def test_yaml_as_people_write_it() -> None:
    text = "a:\n- b: 'it''s' # c\n  d: [x, {y: z}]\n- - |\n    e\n'f g': >-\n  h\n  i\nj: &k l\nm: *k\n"
    assert [leaf for leaf in read(text) if not leaf.is_comment] == [
        Leaf(("a", 0, "b"), "it's"),
        Leaf(("a", 0, "d", 0), "x"),
        Leaf(("a", 0, "d", 1, "y"), "z"),
        Leaf(("a", 1, 0), "e"),
        Leaf(("f g",), "h i"),
        Leaf(("j",), "l"),
        Leaf(("m",), "l"),
    ]


@pytest.mark.parametrize(
    ("expression", "path", "matches"),
    [
        (r"(?i)SECRET", "a.secret", True), ("a(?i)b", "AB", False), ("(?i)a|b", "B", True), ("x(?i:y)z", "xYZ", False),
        (r"[[:alpha:]]+\.e", "ab.e", True), ("^[[:digit:]]$", "a", False), (r"\Qa.b\E", "axb", False),
        (r"\x{61}b", "ab", True), (r"a\z", "a", True), ("(?P<n>a)b", "ab", True), (r"[\w-]+\.env", "a-b.env", True),
        (r"\bkeys\b", "x/keys/y", True), ("((?i)a)b", "AB", False), ("(?i)a|b(?-i)c", "BC", False), ("[]a]", "]", True),
        (r"^\pL+\.e$", "é.e", True), (r"^[^\p{Greek}]$", "a", True), ("(?U)a*b", "aab", True), (r"\141\0?", "a", True),
        (r"^[[:^digit:]]$", "a", True), (r"^[\D]$", "1", False), (r"\pLx", "ab", False),
        *((wrong, "a", None) for wrong in ("([", "(?=a)", r"(a)\1", "a**", "(a", "a)", "[a-")),
    ],
)  # fmt: skip
def test_expressions_are_those_of_go(expression: str, path: str, matches: bool | None) -> None:
    if matches is None:
        with pytest.raises(Unclear):
            compile_go(expression)
    else:
        assert bool(compile_go(expression).search(path)) == matches


# --- stores, and the ways out of them -------------------------------------------------------

RULE = "creation_rules:\n  - path_regex: secrets\\.(ya?ml|json|env|ini|binary)$  \n    age: age1\n"
STORES: dict[str, tuple[str, str, str, bytes]] = {  # its convention, and a file in it
    "pass": (".gpg-id", "KEY\n", "mail.gpg", GPG),
    "gopass": (".age-recipients", "age1\n", "mail", AGE),
    "age": ("README.md", "x\n", "key.age", AGE),
    "git-crypt": (".gitattributes", "*.key filter=git-crypt diff=git-crypt\n", "a.key", GIT_CRYPT),
    "group_vars": ("README.md", "x\n", "vault.yml", ANSIBLE),
    **{kind: (".sops.yaml", RULE, f"secrets.{kind}", SEALED[kind]) for kind in SOPS},
}


def every(folder: Path, act: Callable[[Path, bytes], object]) -> list[str]:
    """`act` on the file of each store; the paths from the vault's top."""
    for store, (_, _, name, data) in STORES.items():
        act(folder / store / name, data)
    return [f"{store}/{name}" for store, (_, _, name, _) in STORES.items()]


def opened(path: Path, data: bytes) -> None:
    path.write_text("password: hunter2\n")


def closed(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.fixture
def vault(world: World) -> tuple[Machine, Path]:
    """A machine whose vault has a store of each kind, each with a file that is encrypted."""
    machine, folder = with_vault(world, "LINUX-01", "mike")
    for store, (convention, text, _, _) in STORES.items():
        (folder / store).mkdir()
        (folder / store / convention).write_text(text)
    every(folder, closed)
    result = machine.sync()
    assert result.code == 0, result.text
    assert sorted(every(folder, closed)) == sorted(set(remote_files(world)) & set(every(folder, closed)))
    return machine, folder


def remote_files(world: World) -> list[str]:
    bare = str(world.root / "vault.git")
    return run_plain(world.root, "git", "-C", bare, "ls-tree", "-r", "--name-only", "main").split()


def shown(world: World) -> bool:
    """Whether any commit that the vault's remote has holds the plain text."""
    machine = world.machines["LINUX-01"]
    return "hunter2" in machine.run("git", "log", "--all", "-m", "-p", "-a", cwd=world.root / "vault.git").out


def git(machine: Machine, folder: Path, *args: str) -> str:
    result = machine.run("git", *args, cwd=folder)
    assert result.code == 0, result.text
    return result.out.strip()


def test_nothing_of_a_store_goes_out_that_is_changed_new_or_renamed(world: World, vault: tuple[Machine, Path]) -> None:
    machine, folder = vault
    paths = every(folder, opened)
    news = []
    for path in paths:
        store, name = path.split("/")
        (folder / store / "sub").mkdir()
        (folder / store / "sub" / name).write_text("password: hunter2\n")
        news.append(f"{store}/sub/{name}")
    result = machine.sync()
    assert result.code == 65 and not shown(world), result.text
    facts = machine.sync("--json").out
    assert not [path for path in paths + news if f"{path} (" not in facts], facts
    every(folder, closed)
    every(folder, lambda path, _: (path.parent / "sub" / path.name).unlink())
    for path in paths:
        git(machine, folder, "mv", path, f"{path.split('/')[0]}/sub/")
    every(folder, lambda path, _: (path.parent / "sub" / path.name).write_text("password: hunter2\n"))
    result = machine.sync()
    assert result.code == 65 and not shown(world), result.text
    every(folder, lambda path, data: closed(path.parent / "sub" / path.name, data))
    result = machine.sync()
    assert result.code == 0 and not shown(world), result.text
    assert set(news) <= set(remote_files(world))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("way", ["added and removed", "merged", "in a merge", "with the rule gone"])
def test_nothing_of_a_store_goes_out_by_plain_git(world: World, vault: tuple[Machine, Path], way: str) -> None:
    machine, folder = vault
    git(machine, folder, "switch", "-qc", "side")
    (folder / "side.txt").write_text("x\n")
    if way in ("added and removed", "merged"):
        every(folder, opened)
        git(machine, folder, "add", "-A")
        git(machine, folder, "commit", "-qnm", "opened")
        every(folder, closed)
    git(machine, folder, "add", "-A")
    git(machine, folder, "commit", "-qnm", "side")
    git(machine, folder, "switch", "-q", "main")
    if way == "added and removed":
        git(machine, folder, "merge", "-q", "--ff-only", "side")
    else:
        git(machine, folder, "merge", "-q", "--no-commit", "--no-ff", "side")
        if way != "merged":
            every(folder, opened)
        git(machine, folder, "add", "-A")
        if way == "with the rule gone":
            for store, (convention, _, _, _) in STORES.items():
                git(machine, folder, "rm", "-q", f"{store}/{convention}")
        git(machine, folder, "commit", "-qnm", "merge\n\nMachine: LINUX-01")
    result = machine.sync()
    # What a later commit has mended goes out as one commit, where no merge is in the way.
    assert not shown(world) and result.code == (0 if way == "added and removed" else 65), result.text
    (folder / "other.txt").write_text("x\n")
    machine.sync()
    assert not shown(world)


def test_a_conflict_sends_no_copy_of_what_may_not_go(world: World, vault: tuple[Machine, Path]) -> None:
    machine, folder = vault
    (folder / "codes.txt").write_text("one\n")
    assert machine.sync().code == 0
    other, there = with_vault(world, "LINUX-02", "howard")
    assert other.sync().code == 0
    (there / "codes.txt").write_text("howard's\n")
    assert other.sync().code == 0
    (folder / "pass" / "mail.gpg").write_text("password: hunter2\n")
    git(machine, folder, "commit", "-qnam", "by plain git")
    (folder / "codes.txt").write_text("mike's\n")
    result = machine.sync()
    assert result.code == 65 and not shown(world), result.text
    assert "No copy was sent" in result.out and "pass/mail.gpg (shown by commit" in result.out, result.text


def test_the_first_push_of_a_remote_is_looked_at(world: World, vault: tuple[Machine, Path]) -> None:
    machine, folder = vault
    (folder / "pass" / "mail.gpg").write_text("password: hunter2\n")
    good = git(machine, folder, "rev-parse", "HEAD")
    git(machine, folder, "commit", "-qnam", "by plain git")
    run_plain(world.root, "git", "init", "-q", "--bare", "-b", "main", str(world.root / "vault2.git"))
    git(machine, folder, "remote", "add", "second", str(world.root / "vault2.git"))
    git(machine, folder, "config", "claudetools.remote", "second")
    result = machine.sync()
    assert result.code == 65 and "pass/mail.gpg (shown by commit" in result.out, result.text
    assert git(machine, folder, "ls-remote", "second", "main").split()[0] == good


def test_the_file_that_makes_a_store_stays_while_its_secrets_do(world: World, vault: tuple[Machine, Path]) -> None:
    machine, folder = vault
    (folder / "pass" / ".gpg-id").unlink()
    (folder / "pass" / "new.txt").write_text("password: hunter2\n")
    (folder / "gopass" / "x.gpg").write_bytes(GPG)
    (folder / "gopass" / "x.gpg").rename(folder / "x.gpg")
    (folder / "age" / "key.age").rename(folder / "key.age")
    (folder / "gopass" / "mail").rename(folder / "moved.age")
    result = machine.sync()
    assert result.code == 65 and "pass/.gpg-id (goes, and with it what asks to encrypt" in result.out, result.text
    assert "pass/new.txt (is not encrypted" in result.out and "pass/.gpg-id" in remote_files(world)
    (folder / "pass" / "mail.gpg").rename(folder / "mail.gpg")
    (folder / "pass" / "new.txt").unlink()
    result = machine.sync()
    assert "[WARN] mail.gpg has left its store" in result.out, result.text
