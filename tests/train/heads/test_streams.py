"""The sizes of what a stream hands to a fusion."""

from train.heads.streams import StreamWidths


def test_the_vectors_of_a_stream_are_as_wide_as_their_sum() -> None:
    assert StreamWidths("audio", (1027, 256), 1027).vector == 1283
    assert StreamWidths("text", (), 768).vector == 0
