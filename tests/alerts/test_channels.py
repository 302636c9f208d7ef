"""Alerts over real HTTP: what arrives, and what is said when a channel is down or unknown."""

import logging
from collections.abc import Iterator

import pytest

from analytics_pipeline.alerts import channels
from analytics_pipeline.settings import get_settings
from tests.alerts.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def test_title_and_text_arrive(receiver: Receiver) -> None:
    assert channels.send([receiver.url], "A title", "- a line\n- another") is True
    (message,) = receiver.received
    assert (message["title"], message["message"], message["type"]) == ("A title", "- a line\n- another", "warning")


def test_one_channel_that_is_down_costs_no_other(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    dead = "json://127.0.0.1:9/canary-token-of-a-channel"
    assert channels.send([dead, "nonsense://canary-token-of-a-channel", receiver.url], "A title", "text") is True
    assert len(receiver.received) == 1
    ours = [record.message for record in caplog.records if record.name.startswith("analytics_pipeline")]
    assert ours == [
        "URL 1 of ALERT_URLS (JSON) did not take the alert",
        "URL 2 of ALERT_URLS is none that Apprise knows",
    ]
    assert "canary" not in "".join(ours)


def test_a_refusal_is_no_delivery(receiver: Receiver) -> None:
    receiver.status = 500
    assert channels.send([receiver.url], "A title", "text") is False


def test_without_urls_the_log_takes_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert channels.send([], "A title", "text") is True
    assert caplog.messages == ["A title\ntext"]


def test_urls_come_from_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", "json://one, json://two\njson://three")
    get_settings.cache_clear()
    assert channels.urls(get_settings()) == ["json://one", "json://two", "json://three"]
    monkeypatch.delenv("ALERT_URLS")
    get_settings.cache_clear()
    assert channels.urls(get_settings()) == []
