"""The calls of a sync once more, as a bare loop of `requests`: nothing is parsed, nothing stored.

Not here: which calls those are, which the sandbox's log tells.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from analytics_pipeline.sandbox.wire import RequestRecord
from analytics_pipeline.settings import get_settings
from benchmarks.world import accounts_of


def replay(platform: str, accounts: int, log: Sequence[RequestRecord]) -> float:
    """Seconds for the calls of `log`: each account's in their order, SYNC_THREADS accounts side by side.

    Raises RuntimeError for an answer that is none.
    """
    base = getattr(get_settings(), f"{platform}_base_url")
    tokens = {account.external_id: account.access_token for account in accounts_of(platform, accounts)}
    by_account: dict[str, list[RequestRecord]] = {}
    for record in log:
        by_account.setdefault(record.account or "", []).append(record)
    started = time.perf_counter()
    with ThreadPoolExecutor(get_settings().sync_threads) as pool:
        list(pool.map(lambda account: _calls(base, tokens[account], by_account[account]), by_account))
    return time.perf_counter() - started


def _calls(base: str, token: str, log: Sequence[RequestRecord]) -> None:
    headers: Mapping[str, str] = {
        "Authorization": f"Bearer {token}",
        "LinkedIn-Version": get_settings().linkedin_api_version,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    with requests.Session() as session:
        session.headers.update(headers)
        for record in log:
            response = session.request(
                record.method,
                f"{base}{record.path}?{record.query}",
                data=record.form.replace("access_token=...", f"access_token={token}") or None,
                headers=form if record.form else None,
                timeout=60,
            )
            if response.status_code != 200:
                raise RuntimeError(f"{record.method} {record.path}: {response.status_code} {response.text[:200]}")
