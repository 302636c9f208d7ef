"""Where alerts go: to every Apprise URL of ALERT_URLS, or to the log.

Here: sending. Not here: what is sent and when. The URLs hold tokens, so no message and no line repeats one.
"""

import logging
import re
from collections.abc import Sequence

import apprise

from analytics_pipeline.settings import Settings

_log = logging.getLogger(__name__)


def urls(settings: Settings) -> list[str]:
    """The URLs of ALERT_URLS, empty when it is unset."""
    given = settings.alert_urls.get_secret_value() if settings.alert_urls else ""
    return [url for url in re.split(r"[\s,]+", given) if url]


def understood(url: str) -> bool:
    """Whether Apprise knows this form of URL. Nothing is sent."""
    return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None


def send(to: Sequence[str], title: str, text: str) -> bool:
    """Sends to every URL, and tells whether at least one took it; without URLs, the log takes it. Never raises."""
    if not to:
        _log.warning("%s\n%s", title, text)
        return True
    taken = 0
    for number, url in enumerate(to, 1):
        channel = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if channel is None:
            _log.error("URL %d of ALERT_URLS is none that Apprise knows", number)
        elif _sent(channel, title, text):
            taken += 1
        else:
            _log.error("URL %d of ALERT_URLS (%s) did not take the alert", number, channel.service_name)
    return taken > 0


def _sent(channel: apprise.NotifyBase, title: str, text: str) -> bool:
    try:
        return bool(
            channel.notify(
                body=text, title=title, notify_type=apprise.NotifyType.WARNING, body_format=apprise.NotifyFormat.TEXT
            )
        )
    except Exception as error:  # noqa: BLE001  # any of a hundred channels, by others: none may cost us the others
        _log.error("a channel of ALERT_URLS broke down: %s", type(error).__name__)
        return False
