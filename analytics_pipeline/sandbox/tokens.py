"""Access and refresh tokens of the sandbox: the world's own, and those its token endpoints hand out.

Here: which token stands for which account, in which state. Not here: how a platform words a refusal, nor the
HTTP of the token endpoints (oauth.py).
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics_pipeline.sandbox.model import Account, World


@dataclass(slots=True)
class Token:
    """An access token. `state` is a word of accounts.csv.

    `scopes`: those consented to; None = those of the account's column, where blank means that everything is granted.
    `person` (Facebook): it is the token of the person who manages the account's Page, not the Page's own.
    """

    value: str
    account: Account
    state: str
    expires_at: datetime | None = None
    issued_at: datetime | None = None
    person: bool = False
    scopes: frozenset[str] | None = None

    def state_at(self, now: datetime) -> str:
        """`valid` (also for missing_scope: the token itself is good), `expired`, `revoked` or `unknown`."""
        if self.state == "valid" and self.expires_at is not None and now >= self.expires_at:
            return "expired"
        return "valid" if self.state == "missing_scope" else self.state

    def allows(self, *scopes: str) -> bool:
        """Whether all of `scopes` were granted. With state missing_scope the column is taken at its word, even blank."""
        if self.scopes is None and not self.account.scopes and self.state != "missing_scope":
            return True
        return self.granted.issuperset(scopes)

    @property
    def granted(self) -> frozenset[str]:
        """The scopes by name, if any are named."""
        return self.account.scopes if self.scopes is None else self.scopes


@dataclass(slots=True)
class Grant:
    """One consent: its living refresh token, the used ones, its scopes (as in Token), and its last access token (X)."""

    account: Account
    refresh_token: str
    expires_at: datetime
    scopes: frozenset[str] | None = None
    access_token: str = ""
    spent: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, good for one exchange. `challenge` is PKCE's, blank without PKCE."""

    account: Account
    redirect_uri: str
    scope: str
    issued_at: datetime
    challenge: str = ""
    challenge_method: str = "plain"

    @property
    def scopes(self) -> frozenset[str]:
        """Platforms separate them by spaces or commas."""
        return frozenset(self.scope.replace(",", " ").split())


def _beginning(account: Account) -> str:
    """How a token of this account begins: Meta's tell the login. Those of a world's files may look like anything."""
    if account.platform not in ("facebook", "instagram"):
        return ""
    return "IGAA" if account.login == "instagram" else "EAA"


class TokenStore:
    """Thread-unsafe on purpose: only the server's one thread uses it."""

    def __init__(self, world: World) -> None:
        self._codes: dict[str, Code] = {}
        self._tokens: dict[tuple[str, str], Token] = {}
        self._grants: dict[tuple[str, str], Grant] = {}
        for account in world.accounts:
            if account.access_token:
                self._tokens.setdefault(
                    (account.platform, account.access_token), Token(account.access_token, account, account.token_state)
                )

    def find(self, platform: str, value: str | None) -> Token | None:
        """None for a token nobody was given. One whose state is `unknown` counts as never given."""
        token = self._tokens.get((platform, value)) if value else None
        return token if token is not None and token.state != "unknown" else None

    def issue(
        self,
        account: Account,
        now: datetime,
        seconds: float | None,
        person: bool = False,
        scopes: frozenset[str] | None = None,
    ) -> Token:
        """A new valid access token; `seconds` None = without end."""
        end = None if seconds is None else now + timedelta(seconds=seconds)
        token = Token(_beginning(account) + secrets.token_urlsafe(24), account, "valid", end, now, person, scopes)
        self._tokens[account.platform, token.value] = token
        return token

    def revoke_all(self, account: Account) -> None:
        """Every access token of an account dies."""
        for token in self._tokens.values():
            if token.account is account:
                token.state = "revoked"

    def add_code(self, code: Code) -> str:
        """The text a browser carries back to the app."""
        text = secrets.token_urlsafe(24)
        self._codes[text] = code
        return text

    def take_code(self, text: str) -> Code | None:
        """The code, once; None for an unknown or used one."""
        return self._codes.pop(text, None)

    def grant(self, code: Code, expires_at: datetime) -> Grant:
        """A new consent with a refresh token of its own."""
        grant = Grant(code.account, secrets.token_urlsafe(24), expires_at, code.scopes)
        self._grants[code.account.platform, grant.refresh_token] = grant
        return grant

    def find_grant(self, platform: str, refresh_token: str, world: World, default_end: datetime) -> Grant | None:
        """The consent behind a refresh token, also behind a spent one. The world's own end at `default_end`."""
        key = (platform, refresh_token)
        if key not in self._grants:
            owners = [
                each for each in world.accounts_of(platform) if refresh_token and each.refresh_token == refresh_token
            ]
            if not owners:
                return None
            self._grants[key] = Grant(owners[0], refresh_token, default_end, access_token=owners[0].access_token)
        return self._grants[key]

    def rotate(self, grant: Grant) -> None:
        """The refresh token is used up, and the access token dies; the grant gets a new refresh token."""
        if old := self.find(grant.account.platform, grant.access_token):
            old.state = "revoked"
        grant.spent.add(grant.refresh_token)
        grant.refresh_token = secrets.token_urlsafe(24)
        self._grants[grant.account.platform, grant.refresh_token] = grant
