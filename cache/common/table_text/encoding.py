"""The bytes of a table as text and lines: UTF-8, lines that end at a line feed, and what it was if not that."""

from __future__ import annotations

import codecs

from cache.common.errors import TableError

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # UTF-32 begins with the first of them too


def text_of(data: bytes, where: object) -> str:
    """Return the text of a table; a lone carriage return ends a line only where no line feed does.

    Args:
        data: the bytes of the file.
        where: the file, for messages.

    Raises:
        TableError: it is no UTF-8; the message names what it looks like.
    """
    if data.startswith(UTF16) or b"\0" in data[:1000]:
        raise TableError(
            f"{where}: UTF-16 text (as a spreadsheet's 'Unicode text') or no text at all, "
            "expected UTF-8; save the table as CSV UTF-8"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = data[error.start : error.start + 1]
        likely = byte.decode("cp1252", "replace")
        meant = f", {likely!r} in Windows-1252" if likely.isalpha() else ""
        raise TableError(
            f"{where}: not UTF-8 text (byte {error.start} is 0x{byte.hex()}{meant}); "
            "save the table as CSV UTF-8"
        ) from None
    return text if "\n" in text else text.replace("\r", "\n")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their ends; only ``\n`` and ``\r\n`` end one.

    ``str.splitlines`` would also cut at U+2028, U+0085 and others, which stand inside values.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
