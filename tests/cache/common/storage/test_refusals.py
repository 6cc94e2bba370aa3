"""What a store refuses is said with the way out, and without what opens its door."""

from __future__ import annotations

import pytest

from cache.common.storage.protocol import RemoteError
from cache.common.storage.refusals import VARIABLES
from cache.common.storage.url_path import place


@pytest.mark.parametrize(
    ("odd", "said", "tries"),
    [
        ("400 ExpiredToken", "the credentials have expired; get new ones and run again", 1),
        ("403 RequestTimeTooSkewed", "clock and this machine's are too far apart; set this one's", 1),
        ("301 PermanentRedirect", r"lies in another region; name it in the environment \(AWS_REGION\)", 1),
        ("403 AccessDenied", r"access denied; check the credentials in the environment \({key}, …\)", 1),
        ("400 InvalidRequest", r"c(/a)?: Generic \S+ error: Server returned .*400 Bad Request; check", 1),
        ("redirect", r"redirect; check the network, the endpoint \({endpoint}, …\) and run again", None),
    ],
)
@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_what_a_store_refuses_is_said_with_the_way_out(odd_store, scheme, odd, said, tries) -> None:
    endpoint, key = VARIABLES[scheme]
    storage = place(f"{scheme}://bucket/c").storage
    odd_store.odd = odd
    for ask in (lambda: storage.read("a"), lambda: storage.names("")):
        odd_store.requests.clear()
        with pytest.raises(RemoteError, match=said.format(endpoint=endpoint, key=key)) as error:
            ask()
        assert "127.0.0.1" not in str(error.value)
        assert not {"hidden", "secret"} & set(str(error.value).replace("=", " ").split())
        assert tries is None or len(odd_store.requests) == tries
