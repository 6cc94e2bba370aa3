"""Whether the first bytes of a file are those of sound or video, whatever the file is called.

Text never is, so that no playlist or list of other files is taken for sound. The layouts are those of the formats'
own specifications; where a format has no signature, three of its frames must follow one another.
"""

from __future__ import annotations

from collections.abc import Callable

HEAD_BYTES = 4096  # enough for three frames of any bit rate
STARTS = (
    b"fLaC\x00\x00\x00", b"OggS\x00", b"caff\x00", b"riff\x2e\x91\xcf\x11", b"NIST_1A\n", b".snd\x00", b"ADIF",
    b"#!AMR\n", b"#!AMR-WB\n", b"Creative Voice File\x1a", b"\x1aE\xdf\xa3", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11",
    b".RMF\x00", b"wvpk", b"TTA1\x01\x00", b"MPCKSH", b"MP+\x07", b"MP+\x17", b"DSD \x1c\x00", b"MAC \x96\x0f",
    b"\x7f\xfe\x80\x01", b"\x00\x00\x01\xba", b"\x06\x0e+4\x02\x05\x01\x01", b"ID3\x02", b"ID3\x03", b"ID3\x04",
)  # fmt: skip
CHUNKED = {  # the first four bytes → what follows the length
    b"RIFF": (b"WAVE", b"AVI ", b"AMV "), b"RIFX": (b"WAVE",), b"RF64": (b"WAVE",), b"BW64": (b"WAVE",),
    b"FORM": (b"AIFF", b"AIFC", b"8SVX", b"16SV"), b"FRM8": (b"DSD ",),
}  # fmt: skip
ATOMS = (b"moov", b"mdat", b"wide", b"pnot")  # a QuickTime file without a type begins with one of them
PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
MP3_KBPS = {  # by layer (1, 2, 3) in MPEG 1, then in MPEG 2 and 2.5
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MP3_RATES = (44_100, 48_000, 32_000)
AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)

_FrameBytes = Callable[[bytes], int]
"""Takes the first 8 bytes of a frame; returns the frame's length, or 0 when it is none."""


def is_sound(head: bytes) -> bool:
    """Say whether the first ``HEAD_BYTES`` of a file are those of a sound or video file."""
    if head.startswith(STARTS) or head[8:12] in CHUNKED.get(head[:4], ()):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in PICTURES
    if head[4:8] in ATOMS and head[0] == 0:
        return True
    return any(_is_packets(head, *packets) for packets in ((188, 0), (192, 4))) or any(
        _is_frames(head, frame_bytes) for frame_bytes in (_mp3, _adts, _loas, _ac3)
    )


def _is_packets(head: bytes, size: int, first: int) -> bool:
    """An MPEG transport stream has a G at the start of every packet; those of cameras begin with a time."""
    starts = range(first, len(head) - 3, size)
    carry_something = all(head[start] == ord("G") and head[start + 3] & 0x30 for start in starts)
    return len(starts) >= 4 and carry_something


def _is_frames(head: bytes, frame_bytes: _FrameBytes) -> bool:
    position = count = 0
    while count < 3 and position + 8 <= len(head):
        length = frame_bytes(head[position : position + 8])
        if length < 8:
            return False
        position, count = position + length, count + 1
    return count >= 3 or (count == 2 and position == len(head))


def _mp3(frame: bytes) -> int:
    """MPEG audio, layers 1 to 3 (ISO 11172-3, 13818-3)."""
    version, layer = frame[1] >> 3 & 3, 4 - (frame[1] >> 1 & 3)
    index, rate = frame[2] >> 4, frame[2] >> 2 & 3
    if frame[0] != 0xFF or frame[1] < 0xE0 or version == 1 or layer == 4 or index in {0, 15} or rate == 3:
        return 0
    bits = MP3_KBPS[version == 3, layer][index - 1] * 1000
    hertz = MP3_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = frame[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding


def _adts(frame: bytes) -> int:
    """AAC in ADTS frames (ISO 14496-3)."""
    if frame[0] != 0xFF or frame[1] & 0xF6 != 0xF0 or frame[2] >> 2 & 15 > 12:
        return 0
    return (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5


def _loas(frame: bytes) -> int:
    """AAC in LOAS frames (ISO 14496-3)."""
    if frame[0] != 0x56 or frame[1] & 0xE0 != 0xE0:
        return 0
    return 3 + ((frame[1] & 0x1F) << 8 | frame[2])


def _ac3(frame: bytes) -> int:
    """AC-3 and E-AC-3 (ETSI TS 102 366)."""
    if frame[:2] != b"\x0bw":
        return 0
    if frame[5] >> 3 > 10:
        return 2 * (((frame[2] & 7) << 8 | frame[3]) + 1)
    rate, code = frame[4] >> 6, frame[4] & 63
    if rate == 3 or code >= 2 * len(AC3_KBPS):
        return 0
    kbps = AC3_KBPS[code // 2]
    return 2 * (2 * kbps, kbps * 96_000 // 44_100 + code % 2, 3 * kbps)[rate]
