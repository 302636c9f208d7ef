"""Windows of calls in world time, and the Rest.li query language."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.sandbox.limits import RateLimits
from analytics_pipeline.sandbox.linkedin_restli import RestliSyntaxError, Value, parse_query, parse_value

NOW = datetime(2026, 9, 10, 12, tzinfo=UTC)


class TestWindows:
    @given(limit=st.integers(1, 5), gaps=st.lists(st.floats(0, 40), min_size=1, max_size=40))
    def test_no_window_ever_lets_more_through(self, limit: int, gaps: list[float]) -> None:
        limits, now, passed = RateLimits(), NOW, []
        for gap in gaps:
            now += timedelta(seconds=gap)
            allowance = limits.take("key", limit, 60, now)
            assert now < allowance.reset <= now + timedelta(seconds=60)
            if not allowance.throttled:
                passed.append((allowance.reset, now))
        for reset in {reset for reset, _ in passed}:
            assert sum(1 for each, _ in passed if each == reset) <= limit

    def test_waiting_for_the_reset_is_enough(self) -> None:
        limits = RateLimits()
        limits.take("key", 1, 10.3, NOW)
        refused = limits.take("key", 1, 10.3, NOW + timedelta(seconds=1))
        assert (refused.throttled, refused.remaining) == (True, 0)
        assert not limits.take("key", 1, 10.3, datetime.fromtimestamp(refused.reset_seconds, UTC)).throttled

    @given(seconds=st.integers(0, 3 * 86_400))
    def test_aligned_windows_end_at_midnight(self, seconds: int) -> None:
        now = NOW + timedelta(seconds=seconds)
        reset = RateLimits().take("key", 1, 86_400, now, aligned=True).reset
        assert (reset.hour, reset.minute, reset.second) == (0, 0, 0)
        assert timedelta(0) < reset - now <= timedelta(days=1)


LEAVES = st.text(min_size=1, max_size=12)
VALUES: st.SearchStrategy[Value] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcXYZ09", min_size=1, max_size=6), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def written(value: Value) -> str:
    if isinstance(value, list):
        return f"List({','.join(map(written, value))})"
    if isinstance(value, dict):
        return f"({','.join(f'{name}:{written(inner)}' for name, inner in value.items())})"
    return quote(value, safe="")


class TestRestli:
    @given(VALUES.filter(lambda value: not isinstance(value, str)))
    def test_every_structure_is_read_back_raw_and_encoded(self, value: Value) -> None:
        assert parse_value(written(value)) == value
        assert parse_value(quote(written(value), safe="")) == value

    @given(st.text("List(),:%3Aab", max_size=30))
    def test_nonsense_is_refused_and_never_crashes(self, text: str) -> None:
        try:
            parse_query(f"shares={text}")
        except RestliSyntaxError:
            return

    def test_members_and_plain_values(self) -> None:
        query = parse_query("q=author&author=urn%3Ali%3Ax%3A1&t=(timeRange:(start:1,end:2),timeGranularityType:DAY)")
        assert query == {
            "q": "author",
            "author": "urn:li:x:1",
            "t": {"timeRange": {"start": "1", "end": "2"}, "timeGranularityType": "DAY"},
        }

    @pytest.mark.parametrize("wrong", ["a=1&a=2", "a=List(b", "a=List(b))", "a=(b)", "a=(b:)", "a=List(urn:li:x:1)"])
    def test_refused(self, wrong: str) -> None:
        with pytest.raises(RestliSyntaxError):
            parse_query(wrong)
