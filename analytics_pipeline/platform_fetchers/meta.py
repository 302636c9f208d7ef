"""The public Meta fetcher: one Page token for the page and for the Instagram account linked to it.

Not here: anything of either platform (facebook.py, instagram.py).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import PostAnalytics, PostReading, PostRef


class MetaAnalyticsFetcher(FacebookFetcher):
    """Figures of a Facebook Page and of Instagram media, told apart by the id: `{page}_{post}` or digits only.

    `base_url` defaults to FACEBOOK_BASE_URL; `instagram_base_url` to `base_url` if that is given, else as for
    InstagramFetcher. Listings and account figures are the page's; those of Instagram are at `instagram`.
    """

    def __init__(
        self,
        access_token: str,
        page_id: str | None = None,
        *,
        base_url: str | None = None,
        instagram_base_url: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(access_token, page_id, base_url=base_url, **options)
        self.instagram = InstagramFetcher(access_token, base_url=instagram_base_url or base_url, **options)

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        """Figures of one post of either platform. Raises PlatformAPIError."""
        if _of_instagram(platform_post_id):
            return self.fetch_instagram_analytics(post_id, platform_post_id)
        return self.fetch_facebook_analytics(post_id, platform_post_id)

    def fetch_facebook_analytics(self, post_id: str, facebook_post_id: str) -> PostAnalytics:
        """Figures of one post of the page, by its id `{page}_{post}`. Raises PlatformAPIError."""
        return super().fetch_post_analytics(post_id, facebook_post_id)

    def fetch_instagram_analytics(self, post_id: str, instagram_media_id: str) -> PostAnalytics:
        """Figures of one Instagram media. Raises PlatformAPIError."""
        with self._asking_instagram():
            return self.instagram.fetch_post_analytics(post_id, instagram_media_id)

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per distinct post of either platform, the page's first."""
        yield from super().fetch_many([ref for ref in posts if not _of_instagram(ref.platform_post_id)])
        with self._asking_instagram():
            yield from self.instagram.fetch_many([ref for ref in posts if _of_instagram(ref.platform_post_id)])

    @contextmanager
    def _asking_instagram(self) -> Iterator[None]:
        """With the same token; what is used is counted here."""
        self.instagram.tokens, before = self.tokens, self.instagram.usage
        try:
            yield
        finally:
            self.usage += self.instagram.usage - before

    def close(self) -> None:
        """Gives the connections back."""
        super().close()
        self.instagram.close()


def _of_instagram(platform_post_id: str) -> bool:
    return isinstance(platform_post_id, str) and platform_post_id.isdecimal()
