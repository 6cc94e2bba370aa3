"""ELAN: annotations with times are segments; slots without a time lie between those that have one; no entities."""

from __future__ import annotations

import pytest

from cache.common.errors import TableError
from extract.sources.annotations.elan import read_elan
from extract.sources.annotations.segments import Segment

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T12:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/talk.mp4" MIME_TYPE="video/mp4"/>
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/my%20talk.wav" MIME_TYPE="audio/x-wav"
            RELATIVE_MEDIA_URL="..\\sound/my%20talk.wav"/>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="760"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts3"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="2760"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="utterance" TIER_ID="anna">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>so &amp; so</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
                <ANNOTATION_VALUE/>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="utterance" TIER_ID="ben">
        <ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts1"/></ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="translation" PARENT_REF="anna" TIER_ID="english">
        <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"/></ANNOTATION>
    </TIER>
</ANNOTATION_DOCUMENT>
"""


def read(tmp_path, text: str, encoding: str = "utf-8") -> list[Segment]:
    (tmp_path / "notes.eaf").write_bytes(text.encode(encoding))
    return read_elan(tmp_path / "notes.eaf")


def test_annotations_with_times_are_segments(tmp_path) -> None:
    segments = read(tmp_path, DOCUMENT)
    assert segments == [
        Segment("my talk.wav", "anna", 0.76, 1.76, 18),
        Segment("my talk.wav", "anna", 1.76, 2.76, 23),
        Segment("my talk.wav", "ben", 0.0, 0.76, 29),
    ]
    assert read(tmp_path, DOCUMENT.replace("UTF-8", "UTF-16"), "utf-16") == segments


def test_the_recording_is_the_first_file_or_the_documents_name(tmp_path) -> None:
    film = read(tmp_path, DOCUMENT.replace("audio/x-wav", "unknown"))
    assert {segment.recording for segment in film} == {"talk.mp4"}
    alone = DOCUMENT[: DOCUMENT.index("<MEDIA")] + DOCUMENT[DOCUMENT.index("</HEADER>") :]
    assert {segment.recording for segment in read(tmp_path, alone)} == {"notes"}


def test_time_begins_where_the_document_says(tmp_path) -> None:
    later = DOCUMENT.replace('MIME_TYPE="audio/x-wav"', 'MIME_TYPE="audio/x-wav" TIME_ORIGIN="500"')
    assert [segment.start for segment in read(tmp_path, later)] == [1.26, 2.26, 0.5]


ENTITIES = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>
<ANNOTATION_DOCUMENT>&b;&x;</ANNOTATION_DOCUMENT>"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTITIES, "line 2: no ELAN document .a document type, which ELAN does not write"),
        (DOCUMENT[:900], r"no ELAN document .no element found"),
        ("not XML", r"line 1: no ELAN document .syntax error.*expected one, or a table with columns path"),
        (DOCUMENT.replace("TIER_ID", "ID"), "no 'TIER_ID'"),
        (DOCUMENT.replace('"760"', '"soon"'), "could not convert string to float: 'soon'"),
        (DOCUMENT.replace('"760"', '"inf"'), "time inf"),
        (DOCUMENT.replace(' TIME_VALUE="2760"', ""), "line 18: an annotation of 'anna' without a time"),
        (DOCUMENT.replace('REF2="ts1"', 'REF2="ts9"'), "line 29: an annotation of 'ben' without a time"),
        ("<A><ALIGNABLE_ANNOTATION TIME_SLOT_REF1='a' TIME_SLOT_REF2='b'/></A>", "list index out of range"),
        (DOCUMENT.replace('encoding="UTF-8"', 'encoding="klingon"'), "unknown encoding"),
        (
            DOCUMENT.replace('MIME_TYPE="audio/x-wav"', 'MIME_TYPE="audio/x-wav" TIME_ORIGIN="x"'),
            "TIME_ORIGIN 'x'",
        ),
    ],
)
def test_what_is_none_is_one_line(tmp_path, text, message) -> None:
    with pytest.raises(TableError, match=message):
        read(tmp_path, text)


def test_deep_xml_is_no_fault(tmp_path) -> None:
    assert read(tmp_path, "<a>" * 20_000 + "</a>" * 20_000) == []
