"""Which containers FFmpeg may open, and how it is opened: one file, nothing beside it, nothing from a network.

Playlists, concatenations, session descriptions, image sequences and devices open further files by what their text
says, whatever the name of the file is; none of them is on the list.
"""

from __future__ import annotations

import os
from errno import EINVAL, EPERM
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from extract.errors import ClipError

# Demuxers that carry sound in one file of their own, as FFmpeg names them.
DEMUXERS = (
    "3dostr,aa,aac,aax,ac3,ac4,act,adx,aea,aiff,amr,amrnb,amrwb,apac,apc,ape,aptx,aptx_hd,asf,asf_o,ast,au,"
    "avi,avr,bfstm,bonk,brstm,caf,codec2,daud,dfpwm,dhav,dsf,dss,dts,dtshd,dv,eac3,epaf,fsb,flac,flv,g722,"
    "g723_1,g726,g726le,g729,gsm,gxf,hca,hcom,iamf,iff,ilbc,ircam,ivf,ivr,kux,laf,lc3,live_flv,loas,lxf,"
    "matroska,webm,mlp,mmf,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegtsraw,mpegvideo,msf,mtaf,mxf,"
    "nistsphere,nsv,nut,nuv,ogg,oma,osq,paf,pmp,pva,pvf,qcp,qoa,rka,rm,rsd,rso,sbc,shn,siff,sol,sox,spdif,"
    "swf,tak,truehd,tta,ty,vag,voc,vqf,w64,wav,wavarc,wsd,wtv,wv,wve,xa,xmv,xvag,xwma"
)
# In these a stream that begins late says so on a timeline that begins at 0, whatever else is in the file. In the
# others, times begin anywhere, and only what begins first tells.
TIMELINES = frozenset({"asf", "avi", "flv", "live_flv", "matroska", "webm", "mov", "mp4", "mxf", "nut"})
# These carry a clock, by which a gap can be seen; in others FFmpeg only counts what it decodes.
CLOCKED = TIMELINES | {"dhav", "mpeg", "mpegts", "ogg", "wtv"}
# In these the header states a length, where there is one; of the others FFmpeg guesses it from the bit rate.
STATES_LENGTH = TIMELINES | {
    "aiff", "ape", "au", "caf", "dsf", "flac", "gxf", "iff", "ircam", "mpc", "mpc8", "nistsphere", "ogg", "paf",
    "rm", "sox", "tak", "tta", "voc", "w64", "wav", "wtv", "wv", "xwma",
}  # fmt: skip
_OPTIONS = {"protocol_whitelist": "file,pipe", "format_whitelist": DEMUXERS}


def open_container(path: Path) -> Any:
    """Open a file for FFmpeg, by its absolute path: ``http:/x`` is a folder here, never an address.

    Raises:
        ClipError: ``unreadable``: it holds what may not be opened.
        FFmpegError: it is no media file.
    """
    try:
        return av.open(os.path.abspath(path), metadata_errors="replace", container_options=_OPTIONS)
    except FFmpegError as error:
        if error.errno not in {EINVAL, EPERM}:
            raise
        raise ClipError(
            "unreadable",
            "no sound or video file; playlists and others that name further files are not opened",
        ) from None
