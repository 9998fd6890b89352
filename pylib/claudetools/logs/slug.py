"""A short name out of any text: lower-case ASCII words with dashes between them."""

from __future__ import annotations

import re
import unicodedata
import zlib

LONGEST = 48
# Letters that do not fall apart into a base letter and an accent.
SPELLED = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d", "ł": "l",
        "Ł": "l", "þ": "th", "Þ": "th", "ð": "d", "Ð": "d", "\u0131": "i", "&": " and ", "@": " at ", "+": " plus ",
    }
)  # fmt: skip


def slug(text: str, longest: int = LONGEST) -> str:
    """`text` as a slug of at most `longest` characters, cut between two words where that leaves enough of it.

    Never empty. Text without one letter or digit that ASCII knows (Chinese, say) gives `topic-` and eight digits of
    its checksum: the same text always the same slug, two texts hardly ever the same.
    """
    plain = unicodedata.normalize("NFKD", text.translate(SPELLED)).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['\u2019]", "", plain)).strip("-")
    if not found:
        return f"topic-{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"[:longest].rstrip("-")
    if len(found) <= longest:
        return found
    cut = found[: longest + 1].rfind("-")
    return found[: cut if cut >= longest // 2 else longest].rstrip("-")
