"""The error tables of facebook.md §5, §6 and instagram.md §5: each row with its documented words and status.

Not here: tests. A row is (name, HTTP status, envelope, class of design.md §7 that it must end in).
"""

from typing import Any

Row = tuple[str, int, dict[str, Any], str]

_HELP = "For more info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting"
_VALIDATING = "Error validating access token: "
_GONE = (
    "Unsupported get request. Object with ID '1' does not exist, cannot be loaded due to missing permissions, or does not "
    "support this operation."
)


def _row(
    said: str, status: int, code: int, message: str, subcode: int | None = None, name: str = "", **more: Any
) -> Row:
    envelope = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AQx"} | more
    if subcode is not None:
        envelope["error_subcode"] = subcode
    return (name or f"{code}/{subcode}" if subcode else name or str(code)) + f" {status}", status, envelope, said


_DEAD = {
    458: "The user has not authorized application 1357924680.",
    459: "You cannot access the app till you log in to www.facebook.com and follow the instructions given.",
    460: "The session has been invalidated because the user changed their password.",
    463: "Session has expired on Monday, 14-Sep-26 08:00:00 PDT. The current time is Monday, 14-Sep-26 09:00:00 PDT.",
    464: "Sessions for the user are not allowed because the user is not a confirmed user.",
    466: "The session has been invalidated.",
    467: "The session is invalid because the user logged out.",
    492: "The user must be an administrator of the page.",
}

FACEBOOK: list[Row] = [
    ("1 reduce 500", 500, {"message": "Please reduce the amount of data you're asking for, then retry your request",
     "code": 1}, "transient"),
    _row("transient", 500, 1, "An unknown error occurred"),
    _row("transient", 500, 2, "Service temporarily unavailable"),
    _row("transient", 500, 1357, "An unexpected error has occurred.", is_transient=True, name="is_transient"),
    _row("permission", 400, 3, "(#3) Application does not have the capability to make this API call."),
    *[_row("permission", status, 10, "(#10) This endpoint requires the 'pages_read_user_content' permission")
      for status in (400, 403)],
    *[_row("permission", 403, code, f"(#{code}) Requires extended permission") for code in (200, 210, 299)],
    *[_row("throttled", status, 4, "(#4) Application request limit reached", is_transient=True)
      for status in (400, 403, 429)],
    _row("throttled", 400, 17, "(#17) User request limit reached"),
    _row("throttled", 400, 32, "(#32) Page request limit reached"),
    _row("throttled", 400, 341, "(#341) Application limit reached"),
    _row("throttled", 400, 613, "(#613) Calls to this api have exceeded the rate limit."),
    _row("throttled", 400, 613, "(#613) Calls to this api have exceeded the rate limit.", 1996),
    _row("throttled", 400, 80001, "(#80001) There have been too many calls to this Page account. Wait a bit and try again. "
         f"{_HELP}."),
    _row("throttled", 400, 80005, f"(#80005) There have been too many leadgen api calls to this Page account. {_HELP}"),
    _row("throttled", 400, 80006, f"(#80006) There have been too many calls to this Messenger account. {_HELP}"),
    _row("metric", 400, 100, "(#100) The value must be a valid insights metric", name="100 metric"),
    _row("metric", 400, 100, "(#100) The value must be a valid insights metric", name="100 blame as text",
         error_data='{"blame_field_specs":[["metric"]]}'),
    _row("metric", 400, 100, "(#100) Tried accessing nonexisting field (insights) on node type (Video)", name="100 field"),
    _row("gone", 400, 100, _GONE, 33, type="GraphMethodException"),
    _row("configuration", 400, 100, "API calls from the server require an appsecret_proof argument", name="100 proof",
         type="GraphMethodException"),
    _row("configuration", 400, 100, "Invalid appsecret_proof provided in the API argument", name="100 wrong proof",
         type="GraphMethodException"),
    *[_row("token", status, 102, "Session key invalid or no longer valid") for status in (400, 401)],
    *[_row("token", status, 190, "Invalid OAuth access token - Cannot parse access token") for status in (400, 401)],
    *[_row("token", status, 190, _VALIDATING + words, subcode) for subcode, words in _DEAD.items()
      for status in (400, 401)],
    _row("configuration", 400, 104, "Incorrect signature"),
    _row("configuration", 400, 2500, "Unknown path components: /x"),
    *[_row("gone", status, 803, "(#803) Some of the aliases you requested do not exist: X") for status in (400, 404)],
    _row("configuration", 400, 3001, "No metric was specified to be fetched. Please specify one or more metrics to be fetched "
         "and try again.", 1504028),
    _row("permission", 400, 368, "The action attempted has been deemed abusive or is otherwise disallowed"),
    _row("configuration", 400, 506, "Duplicate status message"),
    _row("transient", 400, 987654, "(#987654) Never seen", name="unknown"),
]  # fmt: skip

_MEDIA = "(#100) The Media Insights API does not support the {} metric for this media product type."
_NOT_CONVERTED: dict[str, Any] = {
    "error_data": {"blame_field_specs": [[""]]}, "is_transient": False,
    "error_user_title": "Media posted before business account conversion", "error_user_msg": "The media was posted before.",
}  # fmt: skip

INSTAGRAM: list[Row] = [
    _row("metric", 400, 100, _MEDIA.format("impressions"), name="100 product type"),
    _row("metric", 400, 100, _MEDIA.format("saved"), name="100 product type of ours"),
    _row("metric", 400, 100, "(#100) The metric saved is not supported for this media type", name="100 media type"),
    _row("metric", 400, 100, "(#100) metric[1] must be one of the following values: a, b, c", name="100 by place"),
    _row("metric", 400, 100, "(#100) Starting from version 22 and above, the impressions metric is no longer supported for the "
         "queried user. For more information, please refer to the docs.", name="100 version 22"),
    _row("metric", 400, 100, "Invalid parameter", 2108006, **_NOT_CONVERTED),
    _row("metric", 400, 10, "(#10) Not enough viewers for the media to show insights", name="10 viewers"),
    *[_row("permission", status, 10, "(#10) Application does not have permission for this action")
      for status in (400, 403)],
    _row("metric", 400, 100, "(#100) facebook_views is not available for this media", 2207086),
    _row("metric", 400, 200, "(#200) facebook_views is not available for this media", 2207086),
    _row("metric", 403, 200, "(#200) total_views is not available for this media", name="200 total_views"),
    _row("gone", 400, 100, _GONE, 33),
    _row("gone", 400, 100, "", 33, name="100/33 wordless"),
    _row("permission", 400, 100, "Unsupported request - method type: get", name="100 tester role"),
    _row("token", 400, 190, _VALIDATING + _DEAD[463], 463),
    _row("throttled", 400, 80002, "(#80002) There have been too many calls to this Instagram account. Wait a bit and try "
         f"again. {_HELP}#instagram."),
    _row("throttled", 400, 4, "(#4) Application request limit reached", is_transient=True),
    _row("configuration", 400, 2500, "Unknown path components: /v25.0"),
    _row("transient", 400, 987654, "(#987654) Never seen", name="unknown"),
]  # fmt: skip
