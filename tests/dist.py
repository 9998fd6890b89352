"""The two files of a release, the archive and the wheel: each built twice, in two folders, and compared byte for byte.

    python tests/dist.py [--release]

Writes dist/ with both and their sums. With --release it looks first whether this is a release: nothing is uncommitted,
the newest section of CHANGELOG.md is this version's, with a date and what an upgrade takes, and the tag is at HEAD.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from claudetools.install.archive import pack, version_of

ROOT = Path(__file__).resolve().parent.parent


def git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", root, *args], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"[ERROR] git {args[0]}: {done.stderr.strip()}")
    return done.stdout


def copy_tracked(root: Path, target: Path, umask: int, when: float) -> Path:
    """What git knows of the checkout, as it lies there now: another place, other modes, another time."""
    before = os.umask(umask)
    try:
        for name in filter(None, git(root, "ls-files", "-z").split("\0")):
            if (root / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes((root / name).read_bytes())
                (target / name).chmod((0o777 if os.access(root / name, os.X_OK) else 0o666) & ~umask)
                os.utime(target / name, (when, when))
    finally:
        os.umask(before)
    return target


def build(toolkit: Path, out: Path) -> list[Path]:
    """Archive and wheel of one copy."""
    out.mkdir()
    archive = pack(toolkit)
    (out / archive.name).write_bytes(archive.data)
    hatch = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(hatch, cwd=toolkit, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"[ERROR] The wheel cannot be built: {done.stderr.strip()}")
    return sorted(out.iterdir())


def build_twice(root: Path, folder: Path) -> list[Path]:
    """Both files. Ends the program where two builds differ, or the wheel holds another toolkit than the archive."""
    one = build(copy_tracked(root, folder / "one", 0o022, 1_000_000_000), folder / "out")
    other = build(copy_tracked(root, folder / "another place", 0o077, 1_700_000_000), folder / "out2")
    for first, second in zip(one, other, strict=True):
        if first.read_bytes() != second.read_bytes():
            sys.exit(f"[ERROR] Two builds of {first.name} differ. Compare: {first} {second}")
    wheel = next(path for path in one if path.suffix == ".whl")
    archive = next(path for path in one if path.suffix == ".gz")
    if pack(unpacked(wheel, folder / "wheel")).data != archive.read_bytes():
        sys.exit(f"[ERROR] {wheel.name} holds another toolkit than {archive.name}.")
    return one


def unpacked(wheel: Path, folder: Path) -> Path:
    """The toolkit in a wheel."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return next(folder.glob("*.data/data/share/claudetools"))


def why_no_release(root: Path) -> list[str]:
    """What keeps this from being a release, each with what settles it; [] for nothing."""
    version, found = version_of(root), []
    tag = f"v{version}"
    if git(root, "status", "--porcelain"):
        found.append("Something is not committed: git status")
    for name in (".claude-plugin/plugin.json", "package.json"):
        says = json.loads((root / name).read_text("utf-8"))["version"]
        if says != version:
            found.append(f"{name} says {says}, pyproject.toml {version}.")
    found += why_no_section((root / "CHANGELOG.md").read_text("utf-8"), version)
    tagged = git(root, "for-each-ref", "--format=%(objectname) %(*objectname)", f"refs/tags/{tag}").split()
    head = git(root, "rev-parse", "HEAD").strip()
    if not tagged:
        found.append(f"There is no tag {tag}. When all else is in order: git tag -a {tag} -m 'claudetools {version}'")
    elif head not in tagged:
        found.append(
            f"The tag {tag} is at another commit, and a version that is out stays as it is: raise the version."
        )
    return found


def why_no_section(changelog: str, version: str) -> list[str]:
    """The same for CHANGELOG.md."""
    head, _, rest = changelog.partition("\n## ")[2].partition("\n")
    text = rest.partition("\n## ")[0]
    if head.split(" ")[0] != version:
        return [f"The newest section of CHANGELOG.md is '{head}', pyproject.toml says {version}."]
    found = []
    if not re.fullmatch(r"\S+ \(\d{4}-\d\d-\d\d\)", head):
        found.append(f"CHANGELOG.md calls {version} '{head}': give it its day, '## {version} (YYYY-MM-DD)'.")
    if not re.search(r"(?m)^\*\*Upgrade\*\*: \S", text):
        found.append(
            f"CHANGELOG.md says not what an upgrade to {version} takes: a paragraph that begins '**Upgrade**: '."
        )
    return found


def main(argv: list[str], root: Path = ROOT) -> int:
    if argv not in ([], ["--release"]):
        sys.exit((__doc__ or "").split("\n\n")[1])
    if argv and (reasons := why_no_release(root)):
        print("\n".join(["[ERROR] This is no release yet.", *(f"        {line}" for line in reasons)]), file=sys.stderr)
        return 1
    out = root / "dist"
    with tempfile.TemporaryDirectory() as folder:
        made = build_twice(root, Path(folder))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for path in made:
            shutil.copyfile(path, out / path.name)
    sums = {path.name: hashlib.sha256((out / path.name).read_bytes()).hexdigest() for path in made}
    (out / "SHA256SUMS").write_text("".join(f"{sum}  {name}\n" for name, sum in sums.items()))
    print(f"[OK] claudetools {version_of(root)}: built twice, the same bytes.")
    for name, sum in sums.items():
        print(f"     dist/{name:<40} {(out / name).stat().st_size / 1000:.0f} KB  sha256 {sum}")
    if argv:
        print(f"     To publish it: git push origin v{version_of(root)}, and these files beside the tag")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
