"""FFmpeg opens one file by its absolute path, and no other, whatever the file's text or its folder's name says."""

from __future__ import annotations

import contextlib
import socket
import threading

import av
import pytest

from extract.audio.decode import decode
from extract.audio.decoders.demuxers import CLOCKED, DEMUXERS, STATES_LENGTH, TIMELINES, open_container
from extract.audio.headers import read_header
from extract.errors import ClipError

SIBLING = "sibling.m4a"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
profiles="urn:mpeg:dash:profile:isoff-main:2011" mediaPresentationDuration="PT1S"><Period>
<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="9"><BaseURL>{}</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""
OPEN_OTHERS = {
    "alsa", "concat", "dash", "hls", "image2", "imf", "lavfi", "mlv", "rtp", "rtsp", "sap", "sdp", "vobsub",
    "webm_dash_manifest",
}  # fmt: skip


@pytest.fixture
def sibling(tmp_path, voice, write_media):
    return write_media(tmp_path / SIBLING, voice(0.5))


@pytest.mark.parametrize("suffix", [".mp4", ".m4a", ".mkv", ".mp3", ".wav", ".m3u8", ".sdp"])
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {}\n", HLS, HLS.replace("{}", "file:{}"), DASH, SDP, "[playlist]\nFile1={}\n",
        ";FFMETADATA1\ntitle={}\n", "ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.mp4'\n",
    ],
)  # fmt: skip
def test_a_text_that_names_other_files_opens_none(tmp_path, clip, sibling, suffix, text) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text(text.replace("{}", SIBLING))
    for attempt in (lambda: decode(clip(path), 12.0), lambda: read_header(path)):
        with pytest.raises(ClipError) as error:
            attempt()
        assert error.value.reason == "unreadable"


def test_a_concatenation_says_why_it_is_not_opened(tmp_path, clip, sibling) -> None:
    (tmp_path / "x.mp4").write_text(f"ffconcat version 1.0\nfile {SIBLING}\n")
    with pytest.raises(ClipError, match="playlists and others that name further files are not opened"):
        decode(clip(tmp_path / "x.mp4"), 12.0)


def test_a_folder_called_http_is_a_folder(tmp_path, clip, voice, write_media, monkeypatch) -> None:
    """Given as it stands, FFmpeg would fetch it: nobody must call."""
    monkeypatch.chdir(tmp_path)
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def listen() -> None:
            with contextlib.suppress(TimeoutError):
                calls.append(server.accept())

        listener = threading.Thread(target=listen)
        listener.start()
        port = server.getsockname()[1]
        path = write_media(tmp_path / "http:" / f"127.0.0.1:{port}" / "x.mp4", voice(0.5)).relative_to(
            tmp_path
        )
        assert str(path).startswith("http:/")
        assert len(decode(clip(path), 12.0).samples) == pytest.approx(8_000, abs=1_700)
        listener.join()
    assert calls == []


@pytest.mark.parametrize(
    "name", ["file:x.mp4", "concat:x.mp4", "pipe:0.mp4", "data:x.mp4", "subfile,,start,0,end,9,,:x.mp4"]
)
def test_a_name_like_an_address_is_the_name_of_a_file(
    tmp_path, clip, voice, write_media, monkeypatch, name
) -> None:
    """``x.mp4`` stands beside it and is longer."""
    monkeypatch.chdir(tmp_path)
    write_media(tmp_path / "x.mp4", voice(2.0))
    write_media(tmp_path / "y.mp4", voice(0.5)).rename(tmp_path / name)
    path = (tmp_path / name).relative_to(tmp_path)
    assert len(decode(clip(path), 12.0).samples) == pytest.approx(8_000, abs=1_700)


def test_image_sequences_are_not_looked_for(tmp_path, clip) -> None:
    path = tmp_path / "%03d.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (tmp_path / "001.jpg").write_bytes(path.read_bytes())
    with pytest.raises(ClipError) as error:
        decode(clip(path), 12.0)
    assert error.value.reason == "unreadable"


def test_every_demuxer_is_one_that_ffmpeg_has_and_opens_one_file_only() -> None:
    for name in DEMUXERS.split(","):
        assert av.format.ContainerFormat(name, "r").is_input
    assert not {*DEMUXERS.split(",")} & OPEN_OTHERS
    assert {*DEMUXERS.split(",")} >= CLOCKED | STATES_LENGTH
    assert TIMELINES <= CLOCKED


def test_protocols_are_those_of_files(sibling) -> None:
    with open_container(sibling) as container:
        assert container.name == str(sibling)
        assert container.container_options["protocol_whitelist"] == "file,pipe"
