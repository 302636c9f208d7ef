"""Accounts, media, stories and tokens of the simulated Instagram, in both logins. Not here: insights."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.sandbox.model import Account, Observation, Post, World
from tests.sandbox.graph_client import NOW, TOKEN, Client, at, page, serving

LINKED = "17841405822304914"
OWN = "17841400000000007"
TENTH = at(10)
MEDIA_FIELDS = (
    "id,caption,media_type,media_product_type,permalink,shortcode,timestamp,username,owner{id},like_count,comments_count,"
    "is_comment_enabled,thumbnail_url"
)


def media(
    media_id: str, post_type: str = "image", published_at: datetime = TENTH, account: str = LINKED, **columns: Any
) -> Post:
    return Post("instagram", account, media_id, published_at, post_type, **columns)


def reading(media_id: str, **figures: int) -> Observation:
    return Observation("instagram", media_id, at(15), **figures)


@pytest.fixture(scope="module")
def world() -> World:
    """One account linked to a Page, one with Instagram login."""
    own = {"account": OWN}
    return World(
        accounts=[
            page(),
            Account(
                "instagram",
                LINKED,
                "Acme",
                username="acme",
                access_token="ig",
                page_id="104928374650192",
                followers=900,
            ),
            Account("instagram", OWN, "Solo", username="solo", access_token="own", login="instagram", followers=70),
        ],
        posts=[
            media("17895695668004550", "reel", text="Launch day", published_at=at(12, 17)),
            media("17895695668004551", "carousel"),
            media("1789569566800455101", "image", parent_id="17895695668004551"),
            media("1789569566800455102", "video", parent_id="17895695668004551"),
            media("17895695668004552", "video", at(9)),
            media("17895695668004553", "story", at(15, 3)),
            media("17895695668004554", "story", at(14, 19)),
            media("17895695668004555", "story", NOW - timedelta(hours=24)),
            media("17895695668004556", "image", at(8), deleted_at=at(14)),
            media("17895695668004557", "image", at(10), **own),
            media("17895695668004558", "story", at(15, 3), **own),
        ],
        observations=[
            reading("17895695668004550", likes=412, comments=19, impressions=9120),
            reading("17895695668004551", likes=0, comments=0),
            reading("17895695668004553", likes=3, comments=2),
            reading("17895695668004557", likes=6, impressions=90),
        ],
    )


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[Client]:
    with serving(world, "instagram", "ig") as client:
        yield client


@pytest.fixture(scope="module")
def own(client: Client) -> Client:
    """The same sandbox, as an account with Instagram login sees it."""
    return Client(client.sandbox, client.base, "own", client.http)


def test_a_media(client: Client) -> None:
    reel = client.json("17895695668004550", fields=MEDIA_FIELDS)
    shortcode = reel.pop("shortcode")
    assert reel == {
        "id": "17895695668004550",
        "caption": "Launch day",
        "media_type": "VIDEO",
        "media_product_type": "REELS",
        "permalink": f"https://www.instagram.com/reel/{shortcode}/",
        "timestamp": "2026-09-12T17:00:00+0000",
        "username": "acme",
        "owner": {"id": LINKED},
        "like_count": 412,
        "comments_count": 19,
        "is_comment_enabled": True,
        "thumbnail_url": "https://scontent.cdninstagram.com/t/17895695668004550.jpg",
    }
    assert client.json("17895695668004550") == {"id": "17895695668004550"}
    assert client.error(shortcode)[1]["code"] == 803, "the shortcode is not an id"


@pytest.mark.parametrize(
    ("media_id", "media_type", "product"),
    [
        ("17895695668004550", "VIDEO", "REELS"),
        ("17895695668004551", "CAROUSEL_ALBUM", "FEED"),
        ("17895695668004552", "VIDEO", "FEED"),
        ("17895695668004553", "IMAGE", "STORY"),
    ],
)
def test_kinds_of_media(client: Client, media_id: str, media_type: str, product: str) -> None:
    kinds = client.json(media_id, fields="media_type,media_product_type")
    assert (kinds["media_type"], kinds["media_product_type"]) == (media_type, product)


def test_counts(client: Client) -> None:
    counts = "like_count,comments_count,view_count"
    assert client.json("17895695668004550", fields=counts)["view_count"] == 9120
    assert client.json("17895695668004551", fields=counts) == {
        "like_count": 0,
        "comments_count": 0,
        "id": "17895695668004551",
    }
    assert client.json("17895695668004553", fields=counts) == {"comments_count": 2, "id": "17895695668004553"}, "story"
    assert client.json("17895695668004552", fields=counts)["like_count"] == 0, "no reading yet = no activity"


def test_addresses_of_pictures_change_with_every_call(client: Client) -> None:
    first, second = (client.json("17895695668004550", fields="media_url")["media_url"] for _ in range(2))
    assert first != second
    assert first.split("?")[0] == second.split("?")[0]


def test_children(client: Client) -> None:
    expected = [
        {"id": "1789569566800455101", "media_type": "IMAGE"},
        {"id": "1789569566800455102", "media_type": "VIDEO"},
    ]
    assert client.json("17895695668004551/children", fields="id,media_type")["data"] == expected
    carousel = client.json("17895695668004551", fields="children{id,media_type}")
    assert carousel["children"]["data"] == expected
    assert client.json("17895695668004551", fields="children")["children"]["data"] == [
        {"id": each["id"]} for each in expected
    ]
    listed = [row["id"] for row in client.json(f"{LINKED}/media")["data"]]
    assert not {each["id"] for each in expected} & {*listed}


def test_stories_live_for_24_hours(client: Client) -> None:
    """One is 17 hours old, one 25 hours, one exactly 24."""
    assert [row["id"] for row in client.json(f"{LINKED}/stories", fields="id,timestamp")["data"]] == [
        "17895695668004553"
    ]
    for gone in ("17895695668004554", "17895695668004555"):
        assert client.error(gone)[1]["error_subcode"] == 33
        assert client.error(f"{gone}/insights", metric="views")[1]["error_subcode"] == 33
    assert "17895695668004553" not in [row["id"] for row in client.json(f"{LINKED}/media")["data"]]


def test_media_newest_first_and_short_pages(client: Client) -> None:
    """Stories are sifted out of the page, so the first one is empty and yet has a next one."""
    body = client.json(f"{LINKED}/media", fields="id", limit=2)
    pages = [[row["id"] for row in body["data"]]]
    while "next" in body["paging"]:
        body = client.http.get(body["paging"]["next"], timeout=5).json()
        pages.append([row["id"] for row in body["data"]])
    assert pages == [[], ["17895695668004550"], ["17895695668004551", "17895695668004552"]]
    assert [row["id"] for row in client.json(f"{LINKED}/media", since="2026-09-10", until="2026-09-11")["data"]] == [
        "17895695668004551"
    ]
    assert client.error(f"{LINKED}/media", limit=101)[1]["code"] == 100


def test_only_the_latest_10000_media() -> None:
    """Stories, which are in no list, take no place among them."""
    posts = [media(str(n), published_at=at(1) + timedelta(seconds=n)) for n in range(10_002)]
    posts += [media(str(20_000 + n), "story", at(1) + timedelta(seconds=n)) for n in range(0, 10_002, 3)]
    with serving(
        World(accounts=[Account("instagram", LINKED, access_token="ig")], posts=posts), "instagram", "ig"
    ) as client:
        last = int((at(1) + timedelta(seconds=5)).timestamp())
        oldest = client.json(f"{LINKED}/media", until=last, limit=100)
        assert [row["id"] for row in oldest["data"]] == ["5", "4", "3", "2"]
        assert client.json("1")["id"] == "1", "still readable by id"


def test_account(client: Client) -> None:
    fields = "username,name,followers_count,media_count"
    assert client.json(LINKED, fields=fields) == {
        "username": "acme",
        "name": "Acme",
        "followers_count": 900,
        "media_count": 3,
        "id": LINKED,
    }
    assert client.error(LINKED, fields="user_id")[1]["message"] == (
        "(#100) Tried accessing nonexisting field (user_id) on node type (IGUser)"
    )


def test_the_token_of_the_page_reads_the_linked_account(client: Client) -> None:
    for platform in ("facebook", "instagram"):
        base = f"{client.sandbox.url}/{platform}/v25.0"
        through_page = Client(client.sandbox, base, TOKEN, client.http)
        assert through_page.json(LINKED, fields="username")["username"] == "acme"
        assert through_page.json(f"{LINKED}/media", limit=100)["data"]
        assert through_page.error(OWN)[1]["error_subcode"] == 33
        assert through_page.json("me")["name"] == "Acme"
    assert through_page.batch(f"{LINKED}?fields=id").json()[0]["code"] == 200


# --- Instagram login


def test_two_numbers_of_an_account(own: Client) -> None:
    me = own.json("me", fields="id,user_id,username,account_type,followers_count")
    assert me["user_id"] == OWN
    assert me["id"] != OWN
    assert me["account_type"] == "BUSINESS"
    assert [row["id"] for row in own.json(f"{OWN}/media")["data"]] == ["17895695668004557"]
    for name in ("me", me["id"]):
        assert own.json(f"{name}/media") == own.json(f"{OWN}/media") | {"paging": own.json(f"{name}/media")["paging"]}


def test_errors_have_a_type_of_their_own(own: Client, client: Client) -> None:
    assert own.error("17895695668004550")[1] | {"fbtrace_id": ""} == {
        **client.error("17895695668004557")[1],
        "message": client.error("17895695668004557")[1]["message"].replace("4557", "4550"),
        "type": "IGApiException",
        "fbtrace_id": "",
    }
    assert own.error("nonsense/insights")[1]["type"] == "IGApiException"
    assert client.error(f"{LINKED}/insights", metric="made_up", period="day")[1]["type"] == "OAuthException"


@pytest.mark.parametrize(
    "field", ["ig_id", "legacy_instagram_media_id", "view_count", "has_poll", "boost_eligibility_info"]
)
def test_fields_that_only_facebook_login_has(own: Client, client: Client, field: str) -> None:
    assert own.error("17895695668004557", fields=f"id,{field}")[1]["code"] == 100
    assert client.json("17895695668004550", fields=f"id,{field}")["id"] == "17895695668004550"


def test_no_batches(own: Client) -> None:
    answer = own.batch("me")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (100, "IGApiException")
    assert error["message"] == "Unsupported request - method type: post"


def test_such_a_token_is_nothing_to_facebook(own: Client) -> None:
    facebook = Client(own.sandbox, f"{own.sandbox.url}/facebook/v25.0", "own", own.http)
    assert facebook.error("me")[1]["code"] == 190


@pytest.mark.parametrize(
    ("state", "subcode"), [("expired", 463), ("revoked", 458), ("password_changed", 460), ("unknown", None)]
)
def test_dead_tokens(state: str, subcode: int | None) -> None:
    account = Account("instagram", OWN, access_token="IGAAown", login="instagram", token_state=state)
    with serving(World(accounts=[account]), "instagram", "IGAAown") as client:
        error = client.error("me")[1]
        assert (error["code"], error.get("error_subcode"), error["type"]) == (190, subcode, "IGApiException")
        client.token = "EAAown"
        assert client.error("me")[1]["type"] == "OAuthException", "the first letters tell the host of an unknown token"


def test_missing_scopes() -> None:
    accounts = [
        Account("instagram", LINKED, access_token="ig", scopes=frozenset({"instagram_basic", "pages_read_engagement"})),
        Account("instagram", OWN, access_token="own", login="instagram", token_state="missing_scope"),
    ]
    with serving(World(accounts=accounts, posts=[media("1")]), "instagram", "ig") as client:
        assert client.json(f"{LINKED}/media")["data"] == [{"id": "1"}]
        for path in ("1/insights", f"{LINKED}/insights"):
            status, error = client.error(path, metric="views", period="day", metric_type="total_value")
            assert (status, error["code"]) == (403, 10)
            assert error["message"] == "(#10) Application does not have permission for this action"
        client.token = "own"
        assert client.error(f"{OWN}/media")[1]["code"] == 10


# --- tokens of Instagram login
