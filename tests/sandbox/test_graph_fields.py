"""The `fields=` parser of the Meta sandbox. Not here: what the fields hold (test_facebook.py, test_instagram.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.sandbox.graph_fields import Field, FieldSyntaxError, parse_fields


def test_nested_expansion_with_arguments_and_children() -> None:
    fields = parse_fields(
        "id, shares,insights.metric(post_media_view,post_clicks).period(lifetime){name,values},"
        "comments.limit(0).summary(true),children{id,media_type}"
    )
    assert fields == (
        Field("id", {}),
        Field("shares", {}),
        Field(
            "insights",
            {"metric": "post_media_view,post_clicks", "period": "lifetime"},
            (Field("name", {}), Field("values", {})),
        ),
        Field("comments", {"limit": "0", "summary": "true"}),
        Field("children", {}, (Field("id", {}), Field("media_type", {}))),
    )


def test_no_fields() -> None:
    assert parse_fields("  ") == ()


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("id,", 3),
        ("insights.metric(a", 17),
        ("insights.metric", 15),
        ("children{id", 11),
        ("id}", 2),
        ("a..b(c)", 2),
        ("a b", 2),
    ],
)
def test_broken_text_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(FieldSyntaxError, match=rf"Syntax error .* at character {position}: "):
        parse_fields(text)


names = st.text("abcxyz_019", min_size=1, max_size=8)
trees = st.recursive(
    st.builds(Field, names, st.just({})),
    lambda inner: st.builds(
        Field,
        names,
        st.dictionaries(names, st.text("abc,_01", max_size=8), max_size=2),
        st.lists(inner, max_size=3, unique_by=lambda field: field.name).map(tuple),
    ),
    max_leaves=8,
)


def written(fields: tuple[Field, ...]) -> str:
    return ",".join(
        field.name
        + "".join(f".{name}({value})" for name, value in field.arguments.items())
        + (f"{{{written(field.children)}}}" if field.children else "")
        for field in fields
    )


@given(st.lists(trees, max_size=4, unique_by=lambda field: field.name).map(tuple))
def test_what_is_written_is_read(fields: tuple[Field, ...]) -> None:
    assert parse_fields(written(fields)) == fields
