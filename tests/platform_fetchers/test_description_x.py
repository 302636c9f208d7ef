"""Every request of the X fetcher is one that X's own interface description allows (x_description.py)."""

import re
from collections.abc import Iterator, Mapping

import pytest

from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.sent import Sent, account_of, everything_sent, served, wiring
from tests.platform_fetchers.x_description import V2_166, V2_167, Parameter

APP_TOKEN = "AAAA-of-the-app"


@pytest.fixture(scope="module")
def sent() -> Iterator[list[Sent]]:
    """All figures that can be had, with the owner's token, which has to be asked whose it is, and with the app's."""
    with pytest.MonkeyPatch.context() as patch, served() as (world, server):
        patch.setenv("TWITTER_ANALYTICS_DAYS", "30")
        get_settings.cache_clear()
        world.twitter.app_token = APP_TOKEN
        account, wires = account_of(world, "twitter"), wiring(server, "twitter")
        fetchers = (
            TwitterAnalyticsFetcher(account.access_token, **wires),
            TwitterAnalyticsFetcher(APP_TOKEN, user_id=account.external_id, **wires),
        )
        yield [request for fetcher in fetchers for request in everything_sent(fetcher, account, world)]
    get_settings.cache_clear()


def complaints(sent: Sent, operations: Mapping[str, Mapping[str, Parameter]]) -> list[str]:
    """What the description says against a request, a line each."""
    path = _operation(sent.path)
    if sent.method != "GET" or path not in operations:
        return [f"no operation {sent.method} {sent.path}"]
    known, given = operations[path], dict(sent.params)
    found = [f"{path}: {name} twice" for name in given if [n for n, _ in sent.params].count(name) > 1]
    found += [f"{path}: {name} is missing" for name, rule in known.items() if rule.required and name not in given]
    for name, text in given.items():
        if name not in known:
            found.append(f"{path}: no parameter {name}")
            continue
        rule, values = known[name], text.split(",")
        if len(values) > rule.most:
            found.append(f"{path}: {len(values)} values in {name}")
        if rule.words and len(set(values)) < len(values):
            found.append(f"{path}: {name} says something twice")
        found += [f"{path}: no value {value} of {name}" for value in values if not _allowed(rule, value)]
    return found


def _operation(path: str) -> str:
    return re.sub(r"(?<=/users/)[0-9]{1,19}(?=/|$)", ":id", path)


def _allowed(rule: Parameter, value: str) -> bool:
    if rule.numbers is not None:
        return value.isdecimal() and int(value) in rule.numbers
    return value in rule.words if rule.words else re.fullmatch(rule.pattern, value) is not None


def test_every_request_is_one_of_the_description(sent: list[Sent]) -> None:
    asked = {_operation(request.path) for request in sent}
    assert asked == V2_166.keys(), "not every call of the fetcher was provoked"
    assert [line for request in sent for line in complaints(request, V2_166)] == []


def test_the_newest_description_lacks_the_old_words_only(sent: list[Sent]) -> None:
    """What to change on the day that X drops the old vocabulary: these words, and nothing else."""
    renamed = [
        Sent(each.method, each.path, each.query.replace("tweet.fields=", "post.fields="), each.headers, each.form)
        for each in sent
    ]
    lacking = {line.partition(": ")[2] for request in renamed for line in complaints(request, V2_167)}
    assert lacking == {
        "no value edit_history_tweet_ids of post.fields",
        "no value referenced_tweets of post.fields",
    }


@pytest.mark.parametrize(
    ("method", "path", "query", "complaint"),
    [
        ("POST", "/2/tweets", "ids=1", "no operation POST /2/tweets"),
        ("GET", "/2/posts", "ids=1", "no operation GET /2/posts"),
        ("GET", "/2/tweets", "", "ids is missing"),
        ("GET", "/2/tweets", "ids=1&count=5", "no parameter count"),
        ("GET", "/2/tweets", "ids=" + ",".join(map(str, range(101))), "101 values in ids"),
        ("GET", "/2/tweets", "ids=1&tweet.fields=reach", "no value reach of tweet.fields"),
        ("GET", "/2/tweets", "ids=1&tweet.fields=text,text", "tweet.fields says something twice"),
        ("GET", "/2/users/12/tweets", "max_results=4", "no value 4 of max_results"),
        ("GET", "/2/users/12/tweets", "start_time=2026-09-01", "no value 2026-09-01 of start_time"),
        ("GET", "/2/users/12/tweets", "max_results=5&max_results=6", "max_results twice"),
    ],
)
def test_a_request_that_is_not_allowed_is_noticed(method: str, path: str, query: str, complaint: str) -> None:
    [line] = complaints(Sent(method, path, query, {}, {}), V2_166)
    assert line.endswith(complaint)
